"""What auditors and operators try out: the whole log, evidence for outsiders, the way to a partner."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.guest import follow


def test_the_log_is_verified_while_one_looks(enter: Enter) -> None:
    guest = enter("zhou")
    page = guest.open("/audit")
    follow(page.get_by_role("button", name="验证"))
    expect(page.locator("#check")).to_contain_text("验证通过")
    assert guest.examine() == []


def test_evidence_is_downloaded_and_verifies_elsewhere(house: House, enter: Enter, tmp_path: Path) -> None:
    guest = enter("zhou")
    page = guest.open(f"/audit/messages/{house.messages['accepted']}")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="下载回执").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(tmp_path)
    found = {file.name: file for file in tmp_path.rglob("*") if file.is_file()}
    verifier = Path("gateway/audit/verify.py").absolute()
    command = [sys.executable, "-I", str(verifier), "receipt", str(found["receipt.tlog-proof"])]
    done = subprocess.run(
        [*command, str(found["entry.bin"]), "--vkey", str(found["vkey"])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_connection_to_a_partner_is_tested_step_by_step(enter: Enter) -> None:
    guest = enter("wang")
    page = guest.open("/partners/province")
    follow(page.get_by_role("button", name="测试连接"))
    expect(page.locator("main ol li").first).to_contain_text("✓")
    assert guest.examine() == []
