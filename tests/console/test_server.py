"""The console as a process: what it says, under TLS, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gateway.engine.config import load
from tests.cli.conftest import running_store

GATEWAY = """\
node: gw-1
region: "990100"
data_dir: data
bus: {kind: embedded}
audit: {origin: gateway.example/audit}
admin: {listen: 127.0.0.1:1}
"""
#: A page that is at work for longer than anybody waits.
SLOW = """
import sys, time
from gateway.console import server
make = server.make_app
def with_slow_page(room):
    app = make(room)
    app.get("/sign-in/slow")(lambda: time.sleep(60))
    return app
server.make_app = with_slow_page
from gateway.cli.main import main
sys.argv[0] = "gateway"
main()
"""

#: A console that waits for a fortieth of the time.
HASTY = """
import sys
from gateway.console import connections
connections.ARRIVAL /= 40
from gateway.cli.main import main
sys.argv[0] = "gateway"
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration whose gateway has run."""
    made = configured(tmp_path, "console: {listen: 127.0.0.1:0}\n")
    with running_store(load(made)):
        pass
    return made


def configured(folder: Path, console: str) -> Path:
    (folder / "partners").mkdir(exist_ok=True)
    (folder / "routes.yaml").write_text("[]\n")
    (folder / "gateway.yaml").write_text(GATEWAY + console)
    return folder


@dataclass
class Console:
    process: subprocess.Popen[str]
    said: str  #: before it served
    address: str
    port: int


@contextmanager
def served(folder: Path, *how: str) -> Iterator[Console]:
    command = [sys.executable, *(how or ("-m", "gateway.cli")), "console", "--config", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    try:
        said, found = "", None
        while found is None:
            line = process.stdout.readline()
            assert line, said
            said += line
            found = re.search(r"控制台 (\S+:(\d+)/)", line)
        assert '"console.started"' in process.stdout.readline()
        yield Console(process, said, found[1], int(found[2]))
    finally:
        process.kill()
        process.communicate()


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", "console", "--config", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_before_the_gateway_ever_ran_it_says_what_to_do(tmp_path: Path) -> None:
    done = run(configured(tmp_path, ""))
    assert done.returncode == 1
    assert "请先启动一次网关" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_in_use_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(configured(folder, f"console: {{listen: 127.0.0.1:{port}}}\n"))
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr
    assert "console.listen" in done.stderr


def test_a_certificate_that_is_none_is_told(folder: Path) -> None:
    (folder / "none.pem").write_text("")
    tls = "{certificate: none.pem, key: none.pem}"
    done = run(configured(folder, f"console: {{listen: 127.0.0.1:0, tls: {tls}}}\n"))
    assert done.returncode == 1
    assert "证书" in done.stderr


def test_a_key_under_a_passphrase_is_told_and_nobody_asked_for_it(folder: Path) -> None:
    issued = trustme.CA().issue_cert("console.example")
    issued.cert_chain_pems[0].write_to_path(str(folder / "chain.pem"))
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(b"not known to the console")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (folder / "key.pem").write_bytes(pem)
    tls = "{certificate: chain.pem, key: key.pem}"
    done = run(configured(folder, f"console: {{listen: 127.0.0.1:0, tls: {tls}}}\n"))
    assert done.returncode == 1
    assert "私钥不可用" in done.stderr
    assert "pass phrase" not in done.stdout + done.stderr


def test_the_first_start_gives_the_first_account_once(folder: Path) -> None:
    with served(folder) as console:
        given = re.search(r"admin，一次性口令（只显示这一次）：(\S+) /", console.said)
        assert given
        with httpx.Client(
            base_url=console.address, trust_env=False, headers={"Sec-Fetch-Site": "same-origin"}
        ) as client:
            client.get("/sign-in")
            form = {"csrf": client.cookies["tongqu_entry"], "name": "admin", "password": given[1]}
            entered = client.post("/sign-in", data=form)
            assert (entered.status_code, entered.headers["location"]) == (303, "/own")
    with served(folder) as console:
        assert "口令" not in console.said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_whatever_is_open(folder: Path, how: signal.Signals) -> None:
    with served(folder, "-c", SLOW) as console, socket.create_connection(("127.0.0.1", console.port)) as busy:
        busy.sendall(b"GET /sign-in/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with httpx.Client(base_url=console.address, trust_env=False) as kept:
            assert kept.get("/sign-in").status_code == 200
            assert kept.get("/sign-in").status_code == 200
            began = time.monotonic()
            console.process.send_signal(how)
            console.process.communicate(timeout=30)
            assert time.monotonic() - began < 10.0, "the page goes on for a minute"
    assert console.process.returncode == 0


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 9\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nname",
        b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sign-in HTTP/1.1\r\n",
    ],
)
def test_a_request_that_does_not_arrive_gives_its_place_to_others(folder: Path, begun: bytes) -> None:
    with (
        served(folder, "-c", HASTY) as console,
        socket.create_connection(("127.0.0.1", console.port), timeout=5.0) as slow,
    ):
        slow.sendall(begun)
        with suppress(ConnectionResetError):
            while slow.recv(1 << 16):  # raises TimeoutError where it goes on
                pass


def test_a_head_without_end_does_not_fill_the_memory(folder: Path) -> None:
    with (
        served(folder) as console,
        socket.create_connection(("127.0.0.1", console.port), timeout=5.0) as endless,
    ):
        endless.sendall(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX: ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            endless.sendall(b"x" * (64 << 20))


def test_under_tls(folder: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("console.example", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "chain.pem"), append=True)
    tls = "{certificate: chain.pem, key: key.pem}"
    configured(folder, f"console: {{listen: 0.0.0.0:0, public_host: [Console.example], tls: {tls}}}\n")
    with served(folder) as console:
        assert console.address == f"https://console.example:{console.port}/"
        trust = ssl.create_default_context(cafile=folder / "ca.pem")
        here = f"https://127.0.0.1:{console.port}"
        with httpx.Client(base_url=here, verify=trust, trust_env=False) as client:
            answer = client.get("/sign-in")
            assert answer.status_code == 200, "the address itself is no foreign name"
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-tongqu_entry=")
            assert "Secure" in cookie
            for host, status in (("console.example", 200), ("localhost", 421), ("evil.example", 421)):
                assert client.get("/sign-in", headers={"Host": host}).status_code == status, host
        with httpx.Client(trust_env=False) as clear, pytest.raises(httpx.TransportError):
            clear.get(f"http://127.0.0.1:{console.port}/sign-in")
