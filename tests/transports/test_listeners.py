"""Several partners on one port: paths, conflicts, limits, and opening and closing with the mounts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import trustme
from twisted.internet.defer import Deferred

from gateway.contract import ConfigError
from gateway.transports.http import ClientTls, HttpClient, NotSent, Request, Response, ServerLimits, ServerTls
from gateway.transports.http.listeners import Listeners

LOCAL = "127.0.0.1:0"


def says(text: str):
    return lambda request: Response(200, f"{text} {request.path}".encode())


async def get(client: HttpClient, port: int, path: str) -> tuple[int, str]:
    response = await client.request("GET", f"http://127.0.0.1:{port}{path}")
    return response.status, response.body.decode()


@pytest.fixture
def client():
    client = HttpClient()
    yield client
    client.close()


async def test_two_partners_share_a_port(client) -> None:
    listeners = Listeners()
    one = await listeners.mount(LOCAL, "/one", says("one"))
    endpoint = f"127.0.0.1:{one.port}"
    two = await listeners.mount(endpoint, "/two/", says("two"))
    assert two.port == one.port
    assert await get(client, one.port, "/one") == (200, "one /one")
    assert await get(client, one.port, "/two/a/b") == (200, "two /two/a/b")
    for unknown in ("/", "/one/more", "/two", "/three"):
        assert (await get(client, one.port, unknown))[0] == 404
    await listeners.close()


async def test_the_longest_folder_wins(client) -> None:
    listeners = Listeners()
    mount = await listeners.mount(LOCAL, "/", says("all"))
    endpoint = f"127.0.0.1:{mount.port}"
    await listeners.mount(endpoint, "/a/b/", says("deep"))
    await listeners.mount(endpoint, "/a/b/c", says("exact"))
    assert (await get(client, mount.port, "/a"))[1] == "all /a"
    assert (await get(client, mount.port, "/a/b/x"))[1] == "deep /a/b/x"
    assert (await get(client, mount.port, "/a/b/c"))[1] == "exact /a/b/c"
    await listeners.close()


async def test_a_taken_path_is_refused() -> None:
    listeners = Listeners()
    mount = await listeners.mount(LOCAL, "/one", says("one"))
    with pytest.raises(ConfigError, match="taken"):
        await listeners.mount(f"127.0.0.1:{mount.port}", "/one", says("other"))
    await listeners.close()


async def test_a_path_must_be_absolute() -> None:
    with pytest.raises(ConfigError, match="begin with"):
        await Listeners().mount(LOCAL, "one", says("one"))


async def test_a_port_in_use_is_a_configuration_error() -> None:
    owner, other = Listeners(), Listeners()
    mount = await owner.mount(LOCAL, "/one", says("one"))
    with pytest.raises(ConfigError, match="cannot listen"):
        await other.mount(f"127.0.0.1:{mount.port}", "/two", says("two"))
    await owner.close()


async def test_the_last_unmount_closes_the_port_and_it_opens_again(client) -> None:
    listeners = Listeners()
    one = await listeners.mount(LOCAL, "/one", says("one"))
    endpoint = f"127.0.0.1:{one.port}"
    two = await listeners.mount(endpoint, "/two", says("two"))
    await one.unmount()
    await one.unmount()  # a second time changes nothing
    assert (await get(client, one.port, "/one"))[0] == 404
    assert (await get(client, one.port, "/two"))[0] == 200
    await two.unmount()
    with pytest.raises(NotSent):
        await get(client, one.port, "/two")
    again = await listeners.mount(endpoint, "/one", says("again"))
    assert await get(client, again.port, "/one") == (200, "again /one")
    await listeners.close()


async def test_the_last_unmount_waits_for_begun_requests(client) -> None:
    listeners = Listeners()
    finish: Deferred[Response] = Deferred()
    begun: Deferred[None] = Deferred()

    def slow(request: Request) -> Deferred[Response]:
        begun.callback(None)
        return finish

    mount = await listeners.mount(LOCAL, "/slow", slow)
    answer = client.request("GET", f"http://127.0.0.1:{mount.port}/slow")
    await begun
    closed = Deferred.fromCoroutine(mount.unmount())
    assert not closed.called
    finish.callback(Response(200, b"done"))
    assert (await answer).body == b"done"
    await closed


async def test_each_path_has_its_own_body_limit(client) -> None:
    listeners = Listeners()
    small = await listeners.mount(LOCAL, "/small", says("small"), ServerLimits(max_body=100))
    await listeners.mount(f"127.0.0.1:{small.port}", "/large", says("large"), ServerLimits(max_body=1000))
    url = f"http://127.0.0.1:{small.port}"
    statuses = [
        (await client.request("POST", f"{url}/{path}", body=b"x" * size)).status
        for path, size in (("small", 100), ("small", 101), ("large", 1000), ("large", 1001))
    ]
    assert statuses == [200, 413, 200, 413]
    await listeners.close()


async def test_tls_and_no_second_opinion_about_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert(
        "localhost", "127.0.0.1", not_after=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    )
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["cert"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    tls = ServerTls(cert_file=files["cert"], key_file=files["key"])
    listeners = Listeners()
    mount = await listeners.mount(LOCAL, "/one", says("secure"), tls=tls)
    client = HttpClient(tls=ClientTls(ca_file=files["ca"]))
    assert (await client.request("GET", f"https://localhost:{mount.port}/one")).body == b"secure /one"
    with pytest.raises(ConfigError, match="TLS"):
        await listeners.mount(f"127.0.0.1:{mount.port}", "/two", says("plain"))
    client.close()
    await listeners.close()
