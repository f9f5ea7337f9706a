"""The HTTP server against raw sockets: well-formed, malformed, slow, greedy and rude peers."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from gateway.transports.http import Request, Response, ServerLimits, ServerTls, media_type, server_context
from gateway.transports.http.messages import encode_response
from gateway.transports.http.reader import Phase, RequestReader
from tests.transports.wire import GET, read_all, serving, talk
from tests.twisted_runner import sleep


def echo(request: Request) -> Response:
    return Response(200, f"{request.method} {request.path}?{request.query} ".encode() + request.body)


def post(body: bytes, *fields: bytes, path: bytes = b"/p") -> bytes:
    extra = b"".join(field + b"\r\n" for field in fields)
    return b"POST %b HTTP/1.1\r\nHost: t\r\n%bContent-Length: %d\r\n\r\n%b" % (path, extra, len(body), body)


# -- the ordinary ------------------------------------------------------------------------------------


async def test_request_arrives_complete() -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(201, "好".encode(), "text/xml; charset=utf-8", (("X-Id", "7"),))

    async with serving(handler, received_at=lambda: 42) as (_, port):
        answer = await talk(port, post(b"body", b"X-A: 1", b"x-a: 2", path=b"/a/b?c=d"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == "好".encode()
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 201 Created",
        b"Content-Type: text/xml; charset=utf-8",
        b"X-Id: 7",
        b"Content-Length: 3",
    ]
    (request,) = seen
    assert (request.method, request.path, request.query, request.body) == ("POST", "/a/b", "c=d", b"body")
    assert request.headers.get("X-A") == "1, 2"
    assert "HOST" in request.headers
    assert request.headers.get("missing", "-") == "-"
    assert (request.received_at, request.tls_subject) == (42, None)
    assert request.peer.startswith("127.0.0.1:")
    assert "body" not in repr(request)


@pytest.mark.parametrize("style", ["deferred", "coroutine"])
async def test_pipelined_requests_are_answered_in_order(style: str) -> None:
    running = 0

    async def slow(request: Request) -> Response:
        nonlocal running
        running += 1
        assert running == 1, "one at a time"
        await sleep(0.03 if request.path == "/0" else 0)
        running -= 1
        return Response(200, request.path.encode())

    def handler(request: Request) -> object:
        return slow(request) if style == "coroutine" else Deferred.fromCoroutine(slow(request))

    async with serving(handler) as (_, port):
        requests = [post(b"x" * 10, path=b"/%d" % n) for n in range(8)]
        answer = await talk(port, b"".join(requests[:5]), *requests[5:])
    assert [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"/%d" % n for n in range(8)
    ]


async def test_chunked_body_and_trailer() -> None:
    async with serving(lambda r: Response(200, r.body + r.headers.get("x-late", "none").encode())) as (
        _,
        port,
    ):
        answer = await talk(
            port,
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n",
            b"2\r\nde\r\n0\r\nX-Late: smuggled\r\n\r\n",
        )
    assert answer.endswith(b"\r\n\r\nabcdenone")


async def test_expect_continue() -> None:
    def dialogue(port: int) -> tuple[bytes, bytes]:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            first = peer.recv(1000)
            peer.sendall(b"ok")
            peer.shutdown(socket.SHUT_WR)
            return first, read_all(peer)

    async with serving(echo) as (_, port):
        first, answer = await deferToThread(dialogue, port)
        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert answer.endswith(b"POST /? ok")
        assert b" 417 " in await talk(port, post(b"", b"Expect: a-miracle"))


async def test_upgrade_offer_is_declined_and_the_body_read() -> None:
    offer = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAA")
    async with serving(echo) as (_, port):
        answer = await talk(port, post(b"first", *offer) + post(b"second"))
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert b"POST /p? first" in answer
        assert answer.endswith(b"POST /p? second")
        assert b" 501 " in await talk(port, b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")


async def test_http_1_0_head_and_absolute_form() -> None:
    async with serving(echo) as (_, port):
        closed = await talk(port, b"GET / HTTP/1.0\r\n\r\n")
        assert b"Connection: close\r\n" in closed
        kept = await talk(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"Connection: keep-alive\r\n" in kept
        head = await talk(port, b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
        assert head.endswith(b"Content-Length: 9\r\n\r\n")
        assert (await talk(port, b"GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n")).endswith(b"GET /a?b ")


async def test_stdlib_client_keeps_its_connection() -> None:
    def requests(port: int) -> list[bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        answers = []
        for n in range(3):
            connection.request("POST", f"/{n}", body=iter([b"ab", b"cd"]))
            answers.append(connection.getresponse().read())
        connection.close()
        return answers

    async with serving(echo) as (server, port):
        assert await deferToThread(requests, port) == [f"POST /{n}? abcd".encode() for n in range(3)]
        await sleep(0.05)
        assert server.connections == 0


# -- the malformed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: t\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1, 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +1\r\n\r\nx", 400),
        (
            b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\nxx", 400),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /" + b"u" * 20_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"v" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: t\r\n" + b"A: b\r\n" * 70 + b"\r\n", 431),
    ],
)
async def test_malformed_is_refused_and_the_connection_closed(raw: bytes, status: int) -> None:
    calls: list[Request] = []
    async with serving(lambda r: calls.append(r) or Response()) as (_, port):
        answer = await talk(port, raw + GET)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answer
    assert not calls


async def test_requests_before_a_malformed_one_are_answered_first() -> None:
    async def handler(request: Request) -> Response:
        await sleep(0.02)
        return echo(request)

    async with serving(handler) as (_, port):
        answer = await talk(port, GET + GET + b"rubbish\r\n\r\n")
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


async def test_endless_header_field_is_refused_before_it_ends() -> None:
    def drip(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nX: ")
            for _ in range(40):
                peer.sendall(b"v" * 1000)
                time.sleep(0.001)
            return peer.recv(1000)

    async with serving(echo) as (_, port):
        assert (await deferToThread(drip, port)).startswith(b"HTTP/1.1 431 ")


async def test_too_many_pipelined() -> None:
    async with serving(echo, ServerLimits(max_pipelined=4)) as (_, port):
        answer = await talk(port, GET * 10)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 4 + [b"503"]


# -- the greedy --------------------------------------------------------------------------------------

CHUNK = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 52428800\r\n\r\n", b"x" * 0x100000),
        (b"Transfer-Encoding: chunked\r\n\r\n", CHUNK),
    ],
    ids=["announced", "chunked"],
)
async def test_fifty_megabytes_are_refused_and_not_read(head: bytes, piece: bytes) -> None:
    def pour(port: int) -> tuple[int, bytes]:
        with socket.create_connection(("127.0.0.1", port), 3) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            peer.sendall(b"POST / HTTP/1.1\r\nHost: t\r\n" + head)
            sent = 0
            try:
                while sent < 50 * 1024 * 1024:
                    sent += peer.send(piece[sent % len(piece) :][:65536])
            except OSError:
                pass
            try:
                return sent, peer.recv(1000)
            except OSError:
                return sent, b""

    limits = ServerLimits(max_body=200_000, linger_timeout=0.3, linger_bytes=300_000)
    async with serving(echo, limits) as (server, port):
        sent, answer = await deferToThread(pour, port)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert sent < 16 * 1024 * 1024  # the rest is what the kernel buffers
        await sleep(0.4)
        assert server.connections == 0


async def test_slightly_too_large_is_told_why() -> None:
    async with serving(echo, ServerLimits(max_body=1000)) as (_, port):
        answer = await talk(port, post(b"x" * 1001))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert "请求体过大 / the request body is too large".encode() in answer
        assert (await talk(port, post(b"x" * 1000))).startswith(b"HTTP/1.1 200 ")


async def test_peer_that_does_not_read_is_not_buffered_for() -> None:
    served = 0

    def handler(_: Request) -> Response:
        nonlocal served
        served += 1
        return Response(200, b"x" * 500_000)

    def ask_only(port: int) -> None:
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", port))
            peer.sendall(GET * 60)
            time.sleep(0.6)

    async with serving(handler, ServerLimits(write_timeout=0.2)) as (server, port):
        await deferToThread(ask_only, port)
        assert served < 30
        assert server.connections == 0


async def test_reading_stops_while_a_handler_works() -> None:
    release: Deferred[None] = Deferred()

    async def handler(request: Request) -> Response:
        if request.path == "/slow":
            await release
        return Response(200, b"%d" % len(request.body))

    def pour(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(post(b"", path=b"/slow"))
            big = post(b"x" * 1_000_000)
            peer.settimeout(0.3)
            sent = 0
            try:
                while sent < 40_000_000:
                    sent += peer.send((big * 2)[sent % len(big) :][:65536])
            except TimeoutError:
                pass
            assert sent < 20_000_000, "the server kept reading"
            from twisted.internet import reactor

            reactor.callFromThread(release.callback, None)  # type: ignore[attr-defined]
            return peer.recv(1000)

    async with serving(handler) as (_, port):
        assert (await deferToThread(pour, port)).startswith(b"HTTP/1.1 200 OK")


async def test_too_many_connections() -> None:
    async with serving(echo, ServerLimits(max_connections=2)) as (server, port):
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        await sleep(0.05)
        assert server.connections == 2
        assert (await talk(port, GET)).startswith(b"HTTP/1.1 503 ")
        for peer in held:
            peer.close()
        await sleep(0.05)
        assert (await talk(port, GET)).startswith(b"HTTP/1.1 200 ")


# -- the slow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHo", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 408 "),
    ],
    ids=["silent", "in the header", "in the body"],
)
async def test_slow_peers_are_cut_off(sent: bytes, answer: bytes) -> None:
    def wait(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(sent)
            return read_all(peer)

    limits = ServerLimits(header_timeout=0.2, body_timeout=0.2, linger_timeout=0.2)
    async with serving(echo, limits) as (server, port):
        received = await deferToThread(wait, port)
        assert received.startswith(answer)
        assert bool(received) == bool(answer)
        await sleep(0.4)
        assert server.connections == 0


async def test_dripping_does_not_extend_the_time_limit() -> None:
    def drip(port: int) -> float:
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n")
            peer.settimeout(0.05)
            while time.monotonic() - start < 3:
                try:
                    peer.sendall(b"X: y\r\n")
                    if peer.recv(100):
                        break
                except TimeoutError:
                    continue
        return time.monotonic() - start

    async with serving(echo, ServerLimits(header_timeout=0.3)) as (_, port):
        assert await deferToThread(drip, port) < 2.5


async def test_idle_connection_is_closed_but_a_slow_handler_is_not() -> None:
    async def handler(request: Request) -> Response:
        await sleep(0.4)
        return echo(request)

    def ask(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(GET)
            return read_all(peer)

    async with serving(handler, ServerLimits(idle_timeout=0.15)) as (_, port):
        assert (await deferToThread(ask, port)).startswith(b"HTTP/1.1 200 ")


# -- handlers that fail, servers that stop -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["raises", "awaits", "nonsense", "split"])
async def test_handler_failure_shows_nothing(kind: str) -> None:
    reports: list[str] = []

    async def awaits(_: Request) -> Response:
        await sleep(0)
        raise RuntimeError("secret 330102")

    def handler(request: Request) -> object:
        if kind == "raises":
            raise RuntimeError("secret 330102")
        if kind == "split":
            return Response(200, headers=(("X", "a\r\nSet-Cookie: b"),))
        return awaits(request) if kind == "awaits" else sleep(0)

    async with serving(handler, report=lambda r, f: reports.append(f.type.__name__)) as (_, port):
        answer = await talk(port, GET)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    assert b"Set-Cookie" not in answer
    assert len(reports) == 1


async def test_stop_finishes_what_has_begun() -> None:
    begun: Deferred[None] = Deferred()

    async def handler(request: Request) -> Response:
        begun.callback(None)
        await sleep(0.1)
        return echo(request)

    async with serving(handler) as (server, port):
        idle = socket.create_connection(("127.0.0.1", port))
        answer = talk(port, GET)
        work = Deferred.fromCoroutine(answer)
        await begun
        await server.stop(grace=2)
        received = await work
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in received
        idle.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


async def test_stop_does_not_wait_for_ever() -> None:
    done: list[bool] = []

    async def handler(_: Request) -> Response:
        await sleep(0.6)
        done.append(True)
        return Response()

    async with serving(handler) as (server, port):
        work = Deferred.fromCoroutine(talk(port, GET))
        await sleep(0.1)
        await server.stop(grace=0.1)
        assert await work == b""
        assert not done
        await sleep(0.6)
        assert done, "a handler is never cancelled: it may be in mid-commit"


# -- TLS -----------------------------------------------------------------------------------------------


async def test_mutual_tls(tmp_path: Path) -> None:
    authority, mine = trustme.CA(), trustme.CA()
    files = _tls_files(tmp_path, authority)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = server_context(ServerTls(cert_file=files[0], key_file=files[1], client_ca=tmp_path / "ca.pem"))

    def ask(port: int, issuer: trustme.CA | None) -> bytes:
        client = ssl.create_default_context()
        authority.configure_trust(client)
        if issuer:
            issuer.issue_cert("hospital.test", common_name="hospital").configure_cert(client)
        with (
            socket.create_connection(("127.0.0.1", port), 5) as raw,
            client.wrap_socket(raw, server_hostname="localhost") as peer,
        ):
            peer.sendall(GET)
            return peer.recv(1000)

    subject = lambda r: Response(200, (r.tls_subject or "none").encode())  # noqa: E731
    async with serving(subject, context=context) as (_, port):
        assert b"CN=hospital" in await deferToThread(ask, port, authority)
        for stranger in (None, mine):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await deferToThread(ask, port, stranger)


def _tls_files(folder: Path, authority: trustme.CA) -> tuple[Path, Path]:
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = folder / "server.pem", folder / "server.key"
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(chain), append=True)
    certificate.private_key_pem.write_to_path(str(key))
    return chain, key


# -- laws ------------------------------------------------------------------------------------------------

STREAM = (
    post(b"first body", b"X-A: 1", path=b"/one?q")
    + b"POST /two HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;e\r\ndefg\r\n0\r\nT: u\r\n\r\n"
    + post(b"third", b"Connection: Upgrade", b"Upgrade: h2c", path=b"/three")
    + GET
)


def read_in(pieces: list[bytes]) -> list[tuple[object, ...]]:
    reader = RequestReader(ServerLimits(), lambda: 0.0, lambda: 0)
    for piece in pieces:
        reader.feed(piece)
    assert reader.phase is Phase.IDLE
    return [
        (r.method, r.path, r.query, r.body, r.headers.get("x-a"), r.headers.get("host"), k)
        for r, k in reader.ready
    ]


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40))
def test_any_splitting_gives_the_same_requests(cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    requests = read_in(pieces)
    assert requests == read_in([STREAM])
    assert [r[3] for r in requests] == [b"first body", b"abcdefg", b"third", b""]


def test_byte_by_byte_gives_the_same_requests() -> None:
    assert read_in([STREAM[n : n + 1] for n in range(len(STREAM))]) == read_in([STREAM])


@given(st.binary(max_size=300))
def test_rubbish_never_raises(data: bytes) -> None:
    reader = RequestReader(ServerLimits(), lambda: 0.0, lambda: 0)
    reader.feed(data)
    if not reader.refused:
        reader.feed(data)


def test_media_type() -> None:
    assert media_type('Text/XML; Charset="GBK"; action=x') == ("text/xml", {"charset": "GBK", "action": "x"})
    assert media_type("") == ("", {})


def test_bodiless_statuses() -> None:
    assert encode_response(Response(204, b"ignored")) == b"HTTP/1.1 204 No Content\r\n\r\n"
