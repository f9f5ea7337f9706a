"""`message show` tells of an attachment, `message content` takes it out and puts that on record."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from gateway.audit.entry import decode
from gateway.canonical import IdSource, Message
from gateway.canonical.payment import BatchReturned, PaymentResult
from gateway.cli.main import app
from gateway.engine.vault import Vault
from gateway.store import open_reader
from gateway.store.api import Accept
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from tests.cli.conftest import AT, Stocked, _message, _row, running_store
from tests.twisted_runner import run

CONTENT = "张三|0.01\r\n".encode("gbk") * 200_000


def _run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def with_file(stocked: Stocked, tmp_path: Path) -> str:
    """A message with an attachment; its id."""
    ring = KeyRing.load(stocked.configuration.keyring_file)
    file = tmp_path / "arrived"
    file.write_bytes(CONTENT)
    claim = IdSource(lambda: int(AT.timestamp() * 1000), os.urandom)()
    kept = Chest(stocked.configuration.data_dir / "chest", ring).keep(
        claim, file, name="YBDF_110101199001010015.ret", records=[PaymentResult(status="settled")] * 3
    )
    body = BatchReturned(batch_id="B1", stage="final")
    message: Message = replace(
        _message(claim, "payment.batch.returned.v1", "clinic-a", body),
        attachment=kept,
        partner_message_id="return-1",
        subject="B1",
    )
    with running_store(stocked.configuration) as store:
        run(store.commit(Accept(_row(Vault(ring, os.urandom), message), (), ())))
    return claim


def test_show_tells_of_it(stocked: Stocked, with_file: str) -> None:
    shown = json.loads(_run("message", "show", with_file, "--json", "--config", stocked.folder).stdout)
    told = shown["attachment"]
    assert (told["size"], told["records"]) == (len(CONTENT), 3)
    assert "110101199001010015" not in told["name"]
    assert "附件 attachment" in _run("message", "show", with_file, "--config", stocked.folder).stdout
    other = json.loads(
        _run("message", "show", stocked.message_id, "--json", "--config", stocked.folder).stdout
    )
    assert other["attachment"] is None


def test_content_is_written_and_audited(stocked: Stocked, with_file: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("message", "content", with_file, "--out", out, "--config", stocked.folder)
    _run(*asked, "--reason", "核对回盘")
    assert out.read_bytes() == CONTENT
    _run(*asked, "--records", "--reason", "核对回盘")
    assert [json.loads(line)["status"] for line in out.read_text().splitlines()] == ["settled"] * 3
    with open_reader(stocked.configuration.gateway.store) as reader:
        entries = [decode(entry) for _, _, entry in reader.audit_of(with_file)]
    assert [e.event for e in entries] == ["payload.viewed"] * 2
    assert entries[0].detail == {"reason": "核对回盘", "by": "gateway message content"}


def test_nothing_is_written_without_reason_or_attachment(
    stocked: Stocked, with_file: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _run("message", "content", with_file, "--out", out, "--config", stocked.folder, "--reason", " ", code=2)
    asked = ("message", "content", stocked.message_id, "--out", out, "--config", stocked.folder)
    _run(*asked, "--reason", "核对", code=1)
    assert not out.exists()


def test_a_damaged_content_leaves_no_file(stocked: Stocked, with_file: str, tmp_path: Path) -> None:
    (path,) = (stocked.configuration.data_dir / "chest").rglob("*.content")
    sealed = bytearray(path.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    path.write_bytes(sealed)
    out = tmp_path / "out"
    asked = ("message", "content", with_file, "--out", out, "--config", stocked.folder)
    _run(*asked, "--reason", "核对", code=1)
    assert not out.exists()
