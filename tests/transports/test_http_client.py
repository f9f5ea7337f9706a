"""The HTTP client against scripted servers: what is known after each way of failing."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from gateway.transports.http import (
    BadAnswer,
    ClientLimits,
    ClientTls,
    HttpClient,
    HttpError,
    HttpResponse,
    NoAnswer,
    NotSent,
    Request,
    Response,
    ServerTls,
    server_context,
)
from tests.transports.wire import read_request, reset, scripted, serving
from tests.twisted_runner import sleep

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def outcome(client: HttpClient, port: int, **options: Any) -> HttpResponse | HttpError:
    options.setdefault("timeout", 3.0)
    try:
        return await client.request("POST", f"http://127.0.0.1:{port}/pay?x=1", body=b"<pay/>", **options)
    except HttpError as error:
        return error


def answering(
    *answers: bytes, then: Callable[[socket.socket], object] = lambda _: None
) -> Callable[..., object]:
    """Answer each request with the next of `answers`, then do `then`."""

    def script(peer: socket.socket) -> None:
        for answer in answers:
            if not read_request(peer):
                return
            peer.sendall(answer)
        then(peer)

    return script


def ask_then(act: Callable[[socket.socket], object]) -> Callable[..., object]:
    def script(peer: socket.socket) -> None:
        read_request(peer)
        act(peer)

    return script


# -- the ordinary ------------------------------------------------------------------------------------


async def test_request_as_written() -> None:
    seen: list[bytes] = []

    def script(peer: socket.socket) -> None:
        seen.append(read_request(peer))
        peer.sendall(OK)

    with scripted(script) as (port, _):
        client = HttpClient()
        answer = await outcome(client, port, headers={"Content-Type": "text/xml", "X-A": "1"})
        client.close()
    assert isinstance(answer, HttpResponse)
    assert (answer.status, answer.body, answer.headers.get("CONTENT-LENGTH")) == (200, b"ok", "2")
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    assert seen == [
        b"POST /pay?x=1 HTTP/1.1\r\n"
        + host
        + b"Content-Type: text/xml\r\nX-A: 1\r\nContent-Length: 6\r\n\r\n<pay/>"
    ]
    assert "ok" not in repr(answer)


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + OK, 200, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\n",
            200,
            b"abc",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, b""),
    ],
    ids=["interim", "chunked", "close-delimited", "1.0", "204", "redirect"],
)
async def test_answers(wire: bytes, status: int, body: bytes) -> None:
    def dribble(peer: socket.socket) -> None:
        read_request(peer)
        for n in range(0, len(wire), 7):
            peer.sendall(wire[n : n + 7])
            time.sleep(0.001)

    with scripted(answering(wire), dribble) as (port, _):
        client = HttpClient()
        for _ in range(2):
            answer = await outcome(client, port)
            assert isinstance(answer, HttpResponse), answer
            assert (answer.status, answer.body) == (status, body)
            await sleep(0.02)
        client.close()


async def test_head_has_no_body() -> None:
    with scripted(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as (port, _):
        client = HttpClient()
        answer = await client.request("HEAD", f"http://127.0.0.1:{port}/", timeout=2)
        client.close()
    assert (answer.status, answer.body) == (200, b"")


async def test_keep_alive_and_its_end() -> None:
    with scripted(answering(OK, OK, OK, then=lambda peer: peer.recv(1))) as (port, accepted):
        client = HttpClient(ClientLimits(idle_timeout=0.4))
        for _ in range(2):
            assert isinstance(await outcome(client, port), HttpResponse)
        assert len(accepted) == 1
        await sleep(0.7)
        assert isinstance(await outcome(client, port), HttpResponse)
        assert len(accepted) == 2, "an idle connection is dropped after idle_timeout"
        client.close()


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["fin", "rst"])
async def test_idle_connection_closed_by_the_server_is_replaced(end: Callable[[socket.socket], None]) -> None:
    with scripted(answering(OK, then=end), answering(OK)) as (port, accepted):
        client = HttpClient()
        assert isinstance(await outcome(client, port), HttpResponse)
        time.sleep(0.05)  # noqa: ASYNC251  blocks the reactor: the end is in the socket, not yet in the client
        assert isinstance(await outcome(client, port), HttpResponse)
        assert len(accepted) == 2
        client.close()


async def test_unasked_bytes_spoil_a_connection() -> None:
    with scripted(answering(OK + OK), answering(OK)) as (port, accepted):
        client = HttpClient()
        for _ in range(2):
            assert isinstance(await outcome(client, port), HttpResponse)
        assert len(accepted) == 2
        client.close()


# -- NotSent -------------------------------------------------------------------------------------------


async def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = await outcome(HttpClient(), port)
    assert isinstance(error, NotSent)
    assert error.kind == "refused"
    assert error.peer == f"127.0.0.1:{port}"
    assert str(error) == f"连接被拒绝 {error.peer} / connection refused: {error.peer}"


async def test_unknown_host() -> None:
    with pytest.raises(NotSent) as caught:
        await HttpClient().request("GET", "http://nowhere.invalid/", timeout=8)
    assert caught.value.kind in {"dns", "wait-timeout"}


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://h/"},
        {"url": "http://u:p@h/"},
        {"url": "http://h/中"},
        {"url": "http://h/a b"},
        {"url": "http://h:99999/"},
        {"method": "G T"},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": (("X", "中"),)},
    ],
    ids=str,
)
async def test_what_cannot_be_written_is_not_sent(options: dict[str, Any]) -> None:
    arguments = {"method": "POST", "url": "http://127.0.0.1:9/", **options}
    with pytest.raises(NotSent) as caught:
        await HttpClient().request(arguments.pop("method"), arguments.pop("url"), **arguments)
    assert caught.value.kind == "bad-request"


async def test_pool_is_bounded_fair_and_its_wait_limited() -> None:
    order: list[str] = []
    held: list[Deferred[None]] = [Deferred() for _ in range(4)]

    async def handler(request: Request) -> Response:
        order.append(request.path)
        if request.path != "/":
            await held[int(request.path[1:])]
        return Response(200, request.path.encode())

    async with serving(handler) as (server, port):
        client = HttpClient(ClientLimits(max_connections=2, max_waiting=5, wait_timeout=0.6))
        work = [client.request("GET", f"http://127.0.0.1:{port}/{n}") for n in range(5)]
        while len(order) < 2:
            await sleep(0.01)
        held[0].callback(None)
        held[1].callback(None)
        with pytest.raises(NotSent) as caught:  # the two behind them keep both connections
            await work[4]
        assert caught.value.kind == "wait-timeout"
        assert server.connections == 2
        held[2].callback(None)
        held[3].callback(None)
        assert [(await one).body for one in work[:4]] == [b"/0", b"/1", b"/2", b"/3"]
        assert order == ["/0", "/1", "/2", "/3"]
        many = [client.request("GET", f"http://127.0.0.1:{port}/") for _ in range(8)]
        with pytest.raises(NotSent) as caught:
            await many[7]
        assert caught.value.kind == "wait-full"
        for one in many[:7]:
            one.addErrback(lambda _: None)
        client.close()
        with pytest.raises(NotSent):
            await client.request("GET", f"http://127.0.0.1:{port}/")


# -- NoAnswer and BadAnswer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (ask_then(socket.socket.close), "closed"),
        (ask_then(reset), "reset"),
        (ask_then(lambda peer: time.sleep(1)), "timeout"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), "truncated"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", then=reset), "truncated"),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), "truncated"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Le"), "truncated"),
        (answering(b"HTTP/1.1 100 Continue\r\n\r\n"), "truncated"),
        (answering(b"HTTP/1.1 200 OK\r\n\r\nhalf", then=reset), "truncated"),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", then=lambda _: time.sleep(1)),
            "timeout",
        ),
    ],
)
async def test_after_the_write_the_outcome_is_unknown(script: Callable[..., object], kind: str) -> None:
    with scripted(script) as (port, accepted):
        client = HttpClient()
        error = await outcome(client, port, timeout=0.4 if kind == "timeout" else 5.0)
        assert isinstance(error, NoAnswer), error
        assert error.kind == kind
        await sleep(0.05)
        assert len(accepted) == 1, "never sent twice"
        client.close()


async def test_reused_connection_that_dies_after_the_write_is_no_answer() -> None:
    def script(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(OK)
        read_request(peer)

    with scripted(script) as (port, accepted):
        client = HttpClient()
        assert isinstance(await outcome(client, port), HttpResponse)
        assert isinstance(await outcome(client, port), NoAnswer)
        assert len(accepted) == 1
        client.close()


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not-http"),
        (b"HTTP/1.1 OK\r\n\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "body-too-large"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "body-too-large"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000 + b"\r\n\r\n", "headers-too-large"),
        (b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "upgrade"),
    ],
)
async def test_bad_answers(wire: bytes, kind: str) -> None:
    with scripted(answering(wire, then=lambda peer: peer.recv(1))) as (port, _):
        client = HttpClient(ClientLimits(max_body=4000, max_header_bytes=4000))
        error = await outcome(client, port)
        assert isinstance(error, BadAnswer), error
        assert error.kind == kind
        client.close()


async def test_cancelling_says_what_was_sent() -> None:
    closed: Deferred[bytes] = Deferred()

    def script(peer: socket.socket) -> None:
        from twisted.internet import reactor

        read_request(peer)
        try:
            end = peer.recv(1)
        except ConnectionError:
            end = b""
        reactor.callFromThread(closed.callback, end)  # type: ignore[attr-defined]

    with scripted(script) as (port, _):
        client = HttpClient(ClientLimits(max_connections=1))
        url = f"http://127.0.0.1:{port}/"
        sent, waiting = client.request("GET", url), client.request("GET", url)
        await sleep(0.1)
        waiting.cancel()
        with pytest.raises(NotSent):
            await waiting
        sent.cancel()
        with pytest.raises(NoAnswer) as caught:
            await sent
        assert caught.value.kind == "cancelled"
        assert await closed == b""
        client.close()


async def test_closing_the_client() -> None:
    with scripted(ask_then(lambda peer: peer.recv(1))) as (port, _):
        client = HttpClient(ClientLimits(max_connections=1))
        url = f"http://127.0.0.1:{port}/"
        sent, waiting = client.request("GET", url), client.request("GET", url)
        await sleep(0.1)
        client.close()
        with pytest.raises(NotSent):
            await waiting
        with pytest.raises(NoAnswer):
            await sent


# -- TLS -------------------------------------------------------------------------------------------------


async def test_tls(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    server = authority.issue_cert("partner.test", "localhost")
    mine = authority.issue_cert("gateway.test", common_name="gateway")
    for name, certificate in (("server", server), ("mine", mine)):
        certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    context = server_context(
        ServerTls(
            cert_file=tmp_path / "server.pem", key_file=tmp_path / "server.pem", client_ca=tmp_path / "ca.pem"
        )
    )
    identity = {"cert_file": tmp_path / "mine.pem", "key_file": tmp_path / "mine.pem"}

    async def ask(port: int, **tls: Any) -> HttpResponse | HttpError:
        client = HttpClient(tls=ClientTls(**tls))
        try:
            for _ in range(2):
                answer = await client.request(
                    "POST", f"https://127.0.0.1:{port}/", body=b"x" * 100_000, timeout=5
                )
            return answer
        except HttpError as error:
            return error
        finally:
            client.close()

    async with serving(lambda r: Response(200, (r.tls_subject or "").encode()), context=context) as (
        srv,
        port,
    ):
        good = await ask(port, ca_file=tmp_path / "ca.pem", server_name="partner.test", **identity)
        assert isinstance(good, HttpResponse), good
        assert good.body == b"CN=gateway," + good.body.partition(b",")[2]
        wrong_ca = await ask(port, ca_file=tmp_path / "other.pem", server_name="partner.test", **identity)
        wrong_name = await ask(port, ca_file=tmp_path / "ca.pem", server_name="else.test", **identity)
        for error in (wrong_ca, wrong_name):
            assert isinstance(error, NotSent), error
            assert error.kind == "tls"
        anonymous = await ask(port, ca_file=tmp_path / "ca.pem", server_name="partner.test")
        assert isinstance(anonymous, HttpError)
        await sleep(0.05)
        assert srv.connections == 0


async def test_tls_to_a_silent_or_plain_server_is_not_sent() -> None:
    def plain(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(plain, lambda peer: time.sleep(1)) as (port, _):
        client = HttpClient(ClientLimits(connect_timeout=0.2, wait_timeout=1))
        for _ in range(2):
            with pytest.raises(NotSent) as caught:
                await client.request("GET", f"https://127.0.0.1:{port}/", timeout=3)
            assert caught.value.kind == "tls"
        client.close()


async def test_tls_close_delimited_answer_cut_without_notice_is_truncated(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def script(peer: socket.socket) -> None:
        secure = context.wrap_socket(peer, server_side=True)
        secure.recv(1000)
        secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n<half")
        socket.close(secure.detach())  # FIN without close_notify: anybody on the way could have sent it

    with scripted(script) as (port, _):
        client = HttpClient(tls=ClientTls(ca_file=tmp_path / "ca.pem"))
        with pytest.raises(NoAnswer) as caught:
            await client.request("GET", f"https://localhost:{port}/", timeout=2)
        assert caught.value.kind == "truncated"
        client.close()


async def test_many_requests_over_few_connections() -> None:
    async with serving(lambda r: Response(200, r.body)) as (server, port):
        client = HttpClient(ClientLimits(max_connections=4))
        work = [client.request("POST", f"http://127.0.0.1:{port}/", body=b"%d" % n) for n in range(200)]
        assert [(await one).body for one in work] == [b"%d" % n for n in range(200)]
        assert server.connections <= 4
        client.close()
        await deferToThread(time.sleep, 0.02)
