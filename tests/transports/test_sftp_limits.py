"""What the SFTP server's ports and accounts allow: sessions, idleness, locks, maintenance, shared ports."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
import time
from contextlib import closing
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from gateway.contract import ConfigError
from gateway.transports.sftp.server_accounts import Account, Event, hash_password
from gateway.transports.sftp.server_closures import closed_until, closure
from gateway.transports.sftp.server_guard import origin
from gateway.transports.sftp.server_listeners import SftpLimits, SftpListeners
from tests.transports.sftp_place import Site, site
from tests.twisted_runner import sleep

CHINA = dt.timezone(dt.timedelta(hours=8))
NIGHT = (closure("22:00-02:00"),)


async def until(it: Site, kind: str) -> None:
    while kind not in it.kinds():
        await sleep(0.01)


async def test_an_account_has_so_many_sessions_at_a_time(tmp_path: Path) -> None:
    async with site(tmp_path, sessions=2) as it:

        def three() -> None:
            with it.transport(), it.transport(), pytest.raises(paramiko.SSHException):
                it.transport()

        await deferToThread(three)
        await sleep(0.5)
        await it.python(lambda c: c.listdir("."))
        assert [e.rule for e in it.events if e.kind == "login-refused"] == ["sessions"]


async def test_during_maintenance_nobody_gets_in_and_is_told_why(tmp_path: Path) -> None:
    now = dt.datetime(2026, 11, 22, 23, 0, tzinfo=CHINA)
    async with site(tmp_path, closures=NIGHT, now=lambda: now) as it:
        done = await it.openssh("ls in\n")
        assert done.returncode != 0
        assert "系统维护" in done.stderr
        assert "back at 2026-11-23 02:00 Beijing time" in done.stderr
        assert [(e.kind, e.rule) for e in it.events] == [("login-refused", "maintenance")]


async def test_maintenance_lets_a_file_end_and_be_renamed(tmp_path: Path) -> None:
    hour = [21]

    def now() -> dt.datetime:
        return dt.datetime(2026, 11, 22, hour[0], 59, tzinfo=CHINA)

    async with site(tmp_path, closures=NIGHT, now=now) as it:

        def work() -> None:
            transport = it.transport()
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            file = client.open("in/a.part", "wb")
            file.write(b"first ")
            file.flush()
            hour[0] = 22
            transport.join(3.5)
            assert transport.is_active(), "a file is open"
            with pytest.raises(OSError, match="maintenance"):
                client.open("in/b.part", "wb")
            file.write(b"second")
            file.close()
            client.rename("in/a.part", "in/a")
            transport.join(10)
            assert not transport.is_active()
            transport.close()

        await deferToThread(work)
        assert (it.root / "in" / "a").read_bytes() == b"first second"


async def test_a_shared_port_has_one_set_of_limits_and_one_key(tmp_path: Path) -> None:
    async def watch(event: Event) -> None: ...

    def account(name: str) -> Account:
        return Account(name=name, root=tmp_path / name, watch=watch, uploaded=lambda: None)

    listeners = SftpListeners()
    first = await listeners.add(
        reactor, "127.0.0.1:0", tmp_path / "key", account("a"), SftpLimits(), "bank-a"
    )
    other = SftpLimits(failures=3)
    for key, limits, name, path in (
        ("key", other, "b", "failures"),
        ("key2", SftpLimits(), "b", "host_key"),
        ("key", SftpLimits(), "a", "account"),
    ):
        with pytest.raises(ConfigError, match="bank-a and bank-b") as caught:
            await listeners.add(reactor, first.endpoint, tmp_path / key, account(name), limits, "bank-b")
        assert caught.value.path == path
    second = await listeners.add(
        reactor, first.endpoint, tmp_path / "key", account("b"), SftpLimits(), "bank-b"
    )
    assert second.port == first.port
    await first.remove()
    await second.remove()


async def test_locks_are_on_record_and_count_alike_for_accounts_and_strangers(tmp_path: Path) -> None:
    limits = SftpLimits(failures=2, refusal_delay=0.01)
    wrong = paramiko.ECDSAKey.generate()

    def offer(it: Site, user: str) -> None:
        transport = paramiko.Transport(("127.0.0.1", it.port))
        try:
            transport.connect(username=user, pkey=wrong)
        finally:
            transport.close()

    for user in ("agency", "nobody"):
        async with site(tmp_path, limits, password_hash=hash_password("right horse")) as it:
            for _ in range(2):
                with pytest.raises(paramiko.SSHException):
                    await deferToThread(offer, it, user)
            await sleep(0.2)
            with pytest.raises((paramiko.SSHException, EOFError, OSError)):
                await deferToThread(it.transport)
            if user == "agency":
                assert [(e.kind, e.name or e.rule) for e in it.events] == [
                    ("login-refused", "key"), ("login-refused", "key"), ("locked", "address"),
                ]  # fmt: skip


async def test_refusals_take_as_long_whoever_is_named(tmp_path: Path) -> None:
    limits = SftpLimits(refusal_delay=0.6)
    async with site(tmp_path, limits, password_hash=hash_password("right horse")) as it:

        def refused(user: str) -> float:
            """Seconds from the password to the answer; keys were agreed before."""
            with closing(paramiko.Transport(("127.0.0.1", it.port))) as transport:
                transport.start_client(timeout=30)
                began = time.monotonic()
                with pytest.raises(paramiko.AuthenticationException):
                    transport.auth_password(user, "wrong")
                return time.monotonic() - began

        took = [await deferToThread(refused, user) for user in ("agency", "nobody")]
        assert min(took) >= 0.6
        assert abs(took[0] - took[1]) < 0.55


async def test_what_cannot_be_recorded_is_no_login(tmp_path: Path) -> None:
    async def full(event: Event) -> None:
        raise OSError("disk full")

    async with site(tmp_path, watch=full) as it:
        with pytest.raises((paramiko.SSHException, EOFError, OSError)):
            await deferToThread(it.transport)


async def test_an_account_removed_while_it_logs_in_is_out(tmp_path: Path) -> None:
    async with site(tmp_path) as other:
        it = other.mounted
        assert it is not None
        server = it.listeners._open[it.endpoint].server

        async def watch(event: Event) -> None:
            server.accounts.pop(b"agency", None)
            await sleep(0.05)

        object.__setattr__(it.account, "watch", watch)
        with pytest.raises((paramiko.SSHException, EOFError, OSError)):
            await deferToThread(other.transport)


async def test_services_are_asked_for_once_and_only_over_keys(tmp_path: Path) -> None:
    async with site(tmp_path) as it:

        def twice() -> None:
            transport = paramiko.Transport(("127.0.0.1", it.port))
            transport.start_client(timeout=5)
            for service in ("ssh-userauth", "ssh-userauth"):
                ask = paramiko.Message()
                ask.add_byte(bytes([5]))
                ask.add_string(service)
                transport._send_message(ask)
            transport.join(5)
            assert not transport.is_active()
            transport.close()

        async def plain() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
            body = struct.pack(">BI", 5, 12) + b"ssh-userauth"
            padding = 16 - (5 + len(body)) % 8
            writer.write(
                b"SSH-2.0-x\r\n"
                + struct.pack(">IB", 1 + len(body) + padding, padding)
                + body
                + bytes(padding)
            )
            found = await asyncio.wait_for(reader.read(-1), 10)
            writer.close()
            return found

        await deferToThread(twice)
        told = await deferToThread(lambda: asyncio.run(plain()))
        assert b"out of turn" in told
        await it.python(lambda c: c.listdir("."))


@pytest.mark.parametrize(
    ("text", "at", "end"),
    [
        ("02:00-04:00", "2026-11-22T03:59", "2026-11-22T04:00"),
        ("02:00-04:00", "2026-11-22T04:00", None),
        ("22:00-02:00", "2026-11-23T01:59", "2026-11-23T02:00"),
        ("sun 22:00-02:00", "2026-11-23T01:00", "2026-11-23T02:00"),
        ("sun 22:00-02:00", "2026-11-22T01:00", None),
        ("mon 00:00-00:00", "2026-11-23T12:00", "2026-11-24T00:00"),
        ("2026-12-31T18:00/2027-01-01T08:00", "2027-01-01T00:00", "2027-01-01T08:00"),
        ("2026-12-31T18:00/2027-01-01T08:00", "2027-01-01T08:00", None),
    ],
)
def test_closures(text: str, at: str, end: str | None) -> None:
    moment = dt.datetime.fromisoformat(at).replace(tzinfo=CHINA)
    expected = None if end is None else dt.datetime.fromisoformat(end).replace(tzinfo=CHINA)
    assert closed_until([closure(text)], moment.astimezone(dt.UTC)) == expected


@pytest.mark.parametrize(
    "text", ["", "2-4", "25:00-26:00", "day 02:00-04:00", "2027-01-01T08:00/2026-01-01T08:00"]
)
def test_what_is_no_closure(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        closure(text)


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)), st.times(), st.times())
def test_a_closure_ends_later_and_is_over_then(at: dt.datetime, begin: dt.time, end: dt.time) -> None:
    moment = at.replace(tzinfo=CHINA)
    each = closure(f"{begin:%H:%M}-{end:%H:%M}")
    found = each.until(moment)
    if found is not None:
        assert moment < found <= moment + dt.timedelta(days=1)
        assert each.until(found) is None or begin.strftime("%H:%M") == end.strftime("%H:%M")


def test_an_ipv6_network_is_one_origin() -> None:
    assert origin("2001:db8::1") == origin("2001:db8::ffff:1") != origin("2001:db8:0:1::1")
    assert origin("::ffff:10.1.2.3") == origin("10.1.2.3")
    assert origin("fe80::1%eth0") == "fe80::/64"
