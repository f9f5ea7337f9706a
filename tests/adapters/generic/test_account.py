"""An account on our SFTP server: whole files become messages, and their makers find what became of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest
from twisted.internet.threads import deferToThread

from adapters.generic import adapter
from adapters.generic.settings import GenericSettings
from gateway.contract import ConfigError, Unavailable
from gateway.transports.files import AccountOutbound
from gateway.transports.files.account import AccountReceiver
from gateway.transports.sftp.server_hostkey import host_key
from tests.adapters.context import Harness
from tests.adapters.generic.test_ways import FILE, notice
from tests.twisted_runner import sleep


def receiver(folder: Path, harness: Harness, **way: Any) -> AccountReceiver:
    public: bytes = host_key(folder / "client").public().toString("openssh")  # type: ignore[no-untyped-call]
    inbound = {
        "kind": "sftp-account", "listen": "127.0.0.1:0", "host_key": folder / "host", "account": "agency",
        "path": folder / "root", "keys": [public.decode()], "interval": "50ms", **way,
    }  # fmt: skip
    settings = GenericSettings.model_validate({"operations": [notice()], "inbound": inbound})
    assert list(adapter.problems(settings)) == []
    made = adapter.receiver(settings, harness.context)
    assert isinstance(made, AccountReceiver)
    return made


@asynccontextmanager
async def running(folder: Path, harness: Harness, **way: Any) -> AsyncIterator[AccountReceiver]:
    it = receiver(folder, harness, **way)
    await it.start()
    try:
        yield it
    finally:
        await it.stop()


async def client(folder: Path, it: AccountReceiver, work: Callable[[paramiko.SFTPClient], None]) -> None:
    assert it.opened is not None
    port = it.opened.port

    def connected() -> None:
        with paramiko.Transport(("127.0.0.1", port)) as transport:
            key = paramiko.Ed25519Key.from_private_key_file(str(folder / "client"))
            transport.connect(username="agency", pkey=key)
            made = paramiko.SFTPClient.from_transport(transport)
            assert made is not None
            work(made)

    await deferToThread(connected)


def put(name: str, content: bytes) -> Callable[[paramiko.SFTPClient], None]:
    def work(sftp: paramiko.SFTPClient) -> None:
        with sftp.open(f"in/{name}.part", "wb") as file:
            file.write(content)
        sftp.posix_rename(f"in/{name}.part", f"in/{name}")

    return work


async def until(there: Callable[[], bool]) -> None:
    for _ in range(1500):
        if there():
            return
        await sleep(0.02)
    pytest.fail("it did not come")


async def test_a_whole_file_is_taken_and_gets_a_receipt(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness) as it:
        await client(tmp_path, it, put("a.json", FILE))
        receipt = tmp_path / "root" / "receipts" / "a.json.receipt.json"
        await until(receipt.exists)
        told = json.loads(receipt.read_bytes())
        assert told["sha256"] == hashlib.sha256(FILE).hexdigest()
        assert (told["size"], told["message_id"], told["state"]) == (len(FILE), "m-MZ20250001", "accepted")
        await until(lambda: os.listdir(tmp_path / "root" / ".taking") == [])
        assert os.listdir(tmp_path / "root" / "in") == []
        kinds = [handled.kind for handled in harness.inbox.handled_ones]
        assert kinds == ["sftp.login", "sftp.upload", "sftp.rename"]


async def test_a_wrong_file_is_refused_with_a_report(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness) as it:
        await client(tmp_path, it, put("a.json", b"{}"))
        rejected = tmp_path / "root" / "rejected"
        await until(
            lambda: sorted(os.listdir(rejected)) == ["a.json", "a.json.report.json", "a.json.report.txt"]
        )
        assert harness.inbox.accepted == []
        assert "未受理" in (rejected / "a.json.report.txt").read_text(encoding="utf-8")


async def test_a_half_file_does_not_travel(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness, complete="close") as it:

        def half(sftp: paramiko.SFTPClient) -> None:
            file = sftp.open("in/a.json", "wb")  # held: paramiko closes what is forgotten
            file.write(FILE)
            file.stat()
            sftp.sock.get_transport().sock.close()

        await client(tmp_path, it, half)
        await until(lambda: "sftp.upload-cut" in [h.kind for h in harness.inbox.handled_ones])
        await sleep(0.2)
        assert harness.inbox.accepted == []
        assert harness.inbox.refused == []


async def test_a_digest_must_fit(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness, complete=".sm3") as it:

        def both(sftp: paramiko.SFTPClient) -> None:
            for name, content in (("a.json", FILE), ("a.json.sm3", b"0" * 64)):
                with sftp.open(f"in/{name}", "wb") as file:
                    file.write(content)

        await client(tmp_path, it, both)
        await until(lambda: [r.rule for r in harness.inbox.refused] == ["digest"])


async def test_a_file_between_upload_and_commit_survives_a_kill(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness) as it:
        await client(tmp_path, it, lambda sftp: None)
        harness.inbox.error = Unavailable("库不可用", "no store")
        (tmp_path / "root" / "in" / "a.json").write_bytes(FILE)
        await until(lambda: os.listdir(tmp_path / "root" / ".taking") == ["a.json"])
    harness = Harness(tmp_path)
    (tmp_path / "root" / "in" / "b.json").write_bytes(FILE)
    async with running(tmp_path, harness):
        await until(lambda: len(list((tmp_path / "root" / "receipts").glob("*.receipt.json"))) == 2)
    assert [i.partner_message_id for i in harness.inbox.accepted] == ["MZ20250001"] * 2
    assert os.listdir(tmp_path / "root" / ".taking") == []


async def test_what_an_account_may_not_do_is_on_record(tmp_path: Path) -> None:
    harness = Harness(tmp_path)

    def attack(sftp: paramiko.SFTPClient) -> None:
        with pytest.raises(OSError):  # noqa: PT011
            sftp.open("out/x", "w")

    async with running(tmp_path, harness) as it:
        await client(tmp_path, it, attack)
    assert [(r.code, r.rule) for r in harness.inbox.refused] == [("denied", "write")]


async def test_accounts_share_a_port_with_one_host_key(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    async with running(tmp_path, harness) as it:
        assert it.opened is not None
        listen = f"127.0.0.1:{it.opened.port}"
        async with running(tmp_path, harness, listen=listen, account="other") as other:
            assert other.opened is not None
            assert other.opened.port == it.opened.port
        with pytest.raises(ConfigError, match="taken"):
            await receiver(tmp_path, harness, listen=listen).start()
        with pytest.raises(ConfigError, match="host key"):
            await receiver(tmp_path, harness, listen=listen, account="x", host_key=tmp_path / "h2").start()


async def test_when_the_partner_fetched_a_file_is_known_and_audited(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    deposit = AccountOutbound.model_validate(
        {"kind": "sftp-account", "path": tmp_path / "root", "companion": "none"}
    ).deposit(harness.context)
    for name in ("a.json", "b.json"):
        await deposit.put(name, FILE)

    def fetch(sftp: paramiko.SFTPClient) -> None:
        with sftp.open("out/a.json", "rb") as file:
            assert file.read() == FILE
        with sftp.open("out/b.json", "rb") as file:
            file.read(10)
        for name in ("a.json", "b.json"):
            sftp.remove(f"out/{name}")

    async with running(tmp_path, harness) as it:
        await client(tmp_path, it, fetch)
    assert [h.kind for h in harness.inbox.handled_ones].count("sftp.download") == 2
    assert await deposit.look("a.json", FILE) == "taken"
    assert await deposit.look("b.json", FILE) == "absent", "it was not read to its end"
