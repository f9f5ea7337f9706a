"""The pages of the partners: how they stand, what is configured, and whether the connection works."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import pytest

from gateway.audit.entry import decode
from gateway.console.refusals import Refused
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.console.trying import Trials
from gateway.console.written import Written
from gateway.contract import GatewayError
from gateway.engine.config import Configuration, load
from gateway.store import open_reader, overview_reads
from tests.cli.conftest import Stocked
from tests.config import support
from tests.console.beside import HOSTILE, ODD, OFF, beside, signed_in
from tests.console.conftest import Browser, SignIn
from tests.console.test_overview import Page
from tests.twisted_runner import sleep

TIMEOUT = 180.0


def on_record(room: Room) -> list[tuple[str | None, str | None]]:
    """(partner, actor) of every test on record."""
    with open_reader(room.configuration.gateway.store) as reader:
        rows = reader.ask(lambda session: session.rows("SELECT entry FROM audit ORDER BY n"))
    entries = [decode(bytes(entry)) for (entry,) in rows]
    return [(entry.partner, entry.actor) for entry in entries if entry.event == "partner.tested"]


def test_what_lies_where_the_console_was_started_is_not_run(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "gateway"
    foreign.mkdir()
    (foreign / "__init__.py").touch()
    (foreign / "__main__.py").write_text("open('was-run', 'w')")
    monkeypatch.chdir(tmp_path)
    room.trials.run(next(iter(room.configuration.partners)), "wang")
    assert not (tmp_path / "was-run").exists()


async def test_beside_a_real_gateway(tmp_path: Path) -> None:
    with beside(tmp_path) as there:
        room, browser = there.room, there.browser
        await there.settle(1)
        room.pulse.look()

        listed = Page(browser.get("/partners").text)
        assert {f"/partners/{name}" for name in room.configuration.partners} <= listed.links()
        assert listed.text.count("✓ 正常") == 29
        assert HOSTILE in listed.text
        assert not [
            attributes for tag, attributes in listed.elements if tag == "script" and "src" not in attributes
        ]

        answer = browser.submit("/partners/province/test")
        assert (answer.status_code, answer.headers["location"]) == (303, "/partners/province#test")
        page = Page(browser.get("/partners/province").text)
        assert "✓ 通过" in page.text
        assert "wang" in page.text
        assert re.search(r"✓ 正常\s+已连接 127\.0\.0\.1", page.text)
        assert "/messages?partner=province&state=accepted" in page.links()
        assert "取自文件 secrets/province.token，不显示" in page.text
        assert "settlement-to-province" in page.text

        assert there.stage.platform is not None
        there.stage.platform.kill()
        there.stage.platform.wait()
        browser.submit("/partners/province/test")
        page = Page(browser.get("/partners/province").text)
        assert "✗ 未通过" in page.text
        assert "✗ 失败" in page.text
        assert on_record(room) == [("province", "console:wang")] * 2

        browser.submit(f"/partners/{ODD}/test")
        assert "没有连接测试" in Page(browser.get(f"/partners/{ODD}").text).text

        assert "– 停用" in Page(browser.get(f"/partners/{OFF}").text).text
        secrets = {there.stage.secret(name) for name in ("hospital-a", "hospital-c", "province")}
        for name in room.configuration.partners:
            text = browser.get(f"/partners/{name}").text
            assert not any(secret in text for secret in secrets)

        viewer = signed_in(room, Role.VIEWER, name="zhao")
        assert "测试连接" not in viewer.get("/partners/province").text
        assert viewer.submit("/partners/province/test").status_code == 403
        assert len(on_record(room)) == 3

        there.stage.kill_gateway()
        room.pulse.look()
        assert "能否到达、在途数未知" in browser.get("/partners").text


def test_the_latest_reason_leads_to_its_message(client: Browser, filled: dict[str, str]) -> None:
    page = Page(client.get("/partners").text)
    assert "busy" in page.text
    assert page.links() & {f"/messages/{message}" for message in filled.values()}
    page = Page(client.get("/partners/centre").text)
    for state in ("dead", "in-doubt", "held", "rejected"):
        assert f"/messages?partner=centre&state={state}" in page.links()


def test_an_accepted_delivery_gives_no_reason(configuration: Configuration) -> None:
    with open_reader(configuration.gateway.store) as reader:
        found = reader.ask(overview_reads.last_reasons)
    assert set(found) == {"centre"}
    assert found["centre"].state != "accepted"


@pytest.mark.parametrize("path", ["/partners/nobody", "/partners/%3Cscript%3E"])
def test_no_such_partner(client: Browser, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "<script>" not in answer.text.replace('<script src="', "")


def test_a_partner_that_is_none_is_not_tested(client: Browser, room: Room) -> None:
    assert client.submit("/partners/nobody/test").status_code == 404
    assert on_record(room) == []


def test_routes_that_concern_a_partner(client: Browser) -> None:
    for name in ("centre", "clinic-a"):
        text = Page(client.get(f"/partners/{name}").text).text
        assert "claims" in text
        assert "persons" in text


def test_changed_files_are_told_and_what_was_read_stays(client: Browser, room: Room) -> None:
    assert "在控制台启动后有改动" not in client.get("/partners").text
    file = room.configuration.folder / "partners/clinic.yaml"
    file.write_text(file.read_text("utf-8").replace("path: /a", "path: /b"), "utf-8")
    for path in ("/partners", "/partners/clinic-a"):
        text = Page(client.get(path).text).text
        assert "在控制台启动后有改动" in text
        assert "partners/clinic.yaml" in text
    assert "/b" not in Page(client.get("/partners/clinic-a").text).text


SECRETS = """\
name: clinic-a
title: 诊所
adapter: clinic
region: "990101"
settings:
  listen: 127.0.0.1:8081
  path: /x-${env:PATH_PART}-y
  authentication:
    kind: signed
    token: literal-5ecret
"""


def test_nothing_secret_is_shown_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    support.install(monkeypatch)
    folder = support.write(tmp_path / "config")
    (folder / "partners/clinic.yaml").write_text(SECRETS, "utf-8")
    centre = folder / "partners/centre.yaml"
    address = "http://user:pa55@127.0.0.1:1/x"
    centre.write_text(
        centre.read_text("utf-8").replace("http://127.0.0.1:1/${env:PATH_PART}", address), "utf-8"
    )
    written = Written(load(folder, {"PATH_PART": "hidden-part"}))
    lines = {setting.path: setting for name in ("clinic-a", "centre") for setting in written.partner(name)}
    assert lines["settings.authentication.token"].en == "set, not shown"
    assert lines["settings.path"].en == "from the environment variable PATH_PART, not shown"
    assert lines["settings.base_url"].en == "http://…@127.0.0.1:1/x"
    assert lines["settings.limit"].en == "010", "as it is written"
    assert lines["delivery.attempts"].en == "7"
    everything = repr(lines)
    assert not [word for word in ("literal-5ecret", "hidden-part", "pa55", "s3cret") if word in everything]


async def test_one_test_of_a_partner_at_a_time_and_few_at_all(tmp_path: Path) -> None:
    with beside(tmp_path) as there:
        trials, platform = there.room.trials, there.stage.platform
        assert platform is not None
        platform.send_signal(signal.SIGSTOP)  # takes connections, and says nothing
        names = ("platform-1", "platform-2", "platform-3")
        threads = [threading.Thread(target=trials.run, args=(name, "wang")) for name in names]
        try:
            for thread in threads:
                thread.start()
            while len(on_record(there.room)) < len(names):
                await sleep(0.05)
            with pytest.raises(Refused):
                trials.run("platform-1", "li")
            with pytest.raises(Refused):
                trials.run("platform-4", "li")
        finally:
            platform.send_signal(signal.SIGCONT)
            for thread in threads:
                thread.join()
        assert len(on_record(there.room)) == len(names)
        found = [trials.latest(name) for name in names]
        assert [trial.passed for trial in found if trial is not None] == [True] * len(names)
        assert trials.run("platform-1", "li").by == "li"


def test_what_cannot_be_put_on_record_is_not_done(stocked: Stocked) -> None:
    path = stocked.configuration.gateway.store.sqlite_path
    assert path is not None
    Path(path).rename(Path(path).with_name("elsewhere.db"))
    trials = Trials(stocked.configuration)
    with pytest.raises(GatewayError):
        trials.run("centre", "wang")
    assert trials.latest("centre") is None


def test_who_gives_out_accounts_sees_no_partners(sign_in: SignIn) -> None:
    browser = sign_in({Role.SECURITY_ADMIN})
    assert browser.get("/partners").status_code == 403
    assert browser.get("/partners/centre").status_code == 403
