"""What holds for every page: who comes in, what is refused, and what each answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.console import attempts
from gateway.console.middleware import LARGEST_FORM
from gateway.console.pages.entry import local
from gateway.console.refusals import Refused
from gateway.console.roles import Permission, Role, permissions
from gateway.console.room import Room
from gateway.contract import GatewayError
from gateway.desk.refused import NotPossible
from gateway.store import Moved
from tests.cli.conftest import Stocked
from tests.console.conftest import PASSWORD, Browser, SignIn
from tests.twisted_runner import loop

ENTRY = {"/sign-in", "/sign-out", "/language"}
EVERYBODYS = ENTRY | {"/own"}
#: What a path begins with → the permission without which nothing below it answers.
AREAS = {"/accounts": Permission.ACCOUNTS, "/audit": Permission.AUDIT, "/payments": Permission.PAYMENTS}
IDENTITY = "990101199001010019"


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the pages serve, with something in place of every parameter."""
    for included in app.routes:
        for route in getattr(getattr(included, "original_router", None), "routes", ()):
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, re.sub(r"{[^}]*}", "1", route.path)


def area(path: str) -> Permission:
    return next((needed for begin, needed in AREAS.items() if path.startswith(begin)), Permission.SEE)


# -- who comes in ----------------------------------------------------------------------------------


def test_all_pages_are_there(app: FastAPI) -> None:
    pages = {path.split("/")[1] for _, path in routes(app)}
    wanted = {
        "",
        "partners",
        "messages",
        "tasks",
        "proposals",
        "payments",
        "audit",
        "accounts",
        "own",
        "sign-in",
    }
    assert wanted <= pages


def test_a_stranger_gets_no_page(app: FastAPI, stranger: Browser) -> None:
    for method, path in routes(app):
        if path in ENTRY:
            continue
        answer = stranger.request(method, path, data={"csrf": "x"} if method == "POST" else None)
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/sign-in"), (method, path)


@pytest.mark.parametrize("role", Role)
def test_without_the_permission_of_its_area_no_page_answers(
    app: FastAPI, sign_in: SignIn, role: Role
) -> None:
    browser = sign_in({role})
    forbidden = [
        (method, path)
        for method, path in routes(app)
        if path not in EVERYBODYS and area(path) not in permissions({role})
    ]
    assert forbidden
    for method, path in forbidden:
        form = {"csrf": browser.csrf} if method == "POST" else None
        assert browser.request(method, path, data=form).status_code == 403, (method, path)


def test_a_viewer_changes_nothing(app: FastAPI, sign_in: SignIn) -> None:
    viewer = sign_in({Role.VIEWER})
    for method, path in routes(app):
        if method == "POST" and path not in EVERYBODYS:
            assert viewer.submit(path).status_code == 403, path


def test_the_menu_shows_what_may_be_opened(sign_in: SignIn) -> None:
    operator, admin = sign_in({Role.OPERATOR}), sign_in({Role.SECURITY_ADMIN})
    assert 'href="/tasks"' in operator.get("/own").text
    assert 'href="/accounts"' not in operator.get("/own").text
    assert 'href="/accounts"' in admin.get("/own").text
    assert 'href="/tasks"' not in admin.get("/own").text


def test_the_menu_counts_what_waits(client: Browser, room: Room) -> None:
    waiting = room.pulse.look().work
    assert waiting > 0
    assert re.search(rf'href="/tasks"[^<]*<span class="count">{waiting}<', client.get("/own").text)


def test_signing_in_and_out(stranger: Browser, room: Room) -> None:
    first = room.accounts.add("wang", "王", {Role.OPERATOR}, "os:test")
    shown = stranger.get("/sign-in", params={"to": "/tasks"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', shown.text)
    assert csrf
    form = {"csrf": csrf[1], "name": "wang", "password": "wrong", "to": "/tasks"}
    refused = stranger.post("/sign-in", data=form)
    assert refused.status_code == 403
    assert "wrong" not in refused.text.replace('lang="en">', "")
    entered = stranger.post("/sign-in", data={**form, "password": first})
    assert (entered.status_code, entered.headers["location"]) == (303, "/tasks")
    # The one-time password opens one page alone.
    for path in ("/", "/tasks", "/messages"):
        assert stranger.get(path).headers["location"] == "/own"
    own = stranger.get("/own")
    secret = re.search(r'name="csrf" value="([^"]+)"', own.text)
    assert "一次性口令" in own.text
    assert secret
    wish = {"csrf": secret[1], "old": first, "new": PASSWORD, "again": PASSWORD + "!"}
    assert stranger.post("/own", data=wish).status_code == 400
    assert stranger.get("/tasks").headers["location"] == "/own"
    changed = stranger.post("/own", data={**wish, "again": PASSWORD})
    assert (changed.status_code, changed.headers["location"]) == (303, "/")
    assert stranger.get("/own").status_code == 200
    token = stranger.cookies["tongqu_session"]
    assert stranger.post("/sign-out", data={"csrf": secret[1]}).headers["location"] == "/sign-in"
    assert room.accounts.visit(token) is None
    assert stranger.get("/own").headers["location"].startswith("/sign-in")


def test_a_session_that_is_over_says_so_to_fragments(stranger: Browser) -> None:
    answer = stranger.get("/own", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/sign-in")


def test_too_many_failures_from_one_address(stranger: Browser) -> None:
    csrf = re.search(r'name="csrf" value="([^"]+)"', stranger.get("/sign-in").text)
    assert csrf
    seen = {
        stranger.post("/sign-in", data={"csrf": csrf[1], "name": f"nobody{n}", "password": "x"}).status_code
        for n in range(attempts.LIMIT)
    }
    assert seen == {403}
    assert stranger.post("/sign-in", data={"csrf": csrf[1], "name": "z", "password": "x"}).status_code == 429


def test_failures_are_forgotten_in_time() -> None:
    now = 0.0
    counted = attempts.Attempts(lambda: now)

    def fail() -> None:
        with counted.of("10.0.0.1"):
            raise Refused("", "", 403)

    for _ in range(attempts.LIMIT):
        with pytest.raises(Refused, match=r"^$"):
            fail()
    with pytest.raises(Refused) as refused, counted.of("10.0.0.1"):
        pytest.fail("let in")
    assert refused.value.status == 429
    with counted.of("10.0.0.2"):
        pass
    now = attempts.WINDOW
    with counted.of("10.0.0.1"):
        pass


def test_attempts_at_once_are_no_way_around() -> None:
    counted = attempts.Attempts()
    with ExitStack() as under_way:
        for _ in range(attempts.LIMIT):
            under_way.enter_context(counted.of("10.0.0.1"))
        with pytest.raises(Refused, match="too many"), counted.of("10.0.0.1"):
            pytest.fail("let in")
    with counted.of("10.0.0.1"):
        pass  # none of them has failed


def test_the_addresses_of_a_network_are_no_way_around() -> None:
    counted = attempts.Attempts()
    for number in range(attempts.LIMIT):
        with pytest.raises(Refused, match=r"^$"), counted.of(f"fd00:1:2:3::{number:x}"):
            raise Refused("", "", 403)
    with pytest.raises(Refused, match="too many"), counted.of("fd00:1:2:3:4:5:6:7"):
        pytest.fail("let in")
    with counted.of("fd00:1:2:4::1"):
        pass


# -- forms -----------------------------------------------------------------------------------------


def test_a_form_without_its_secret_changes_nothing(client: Browser) -> None:
    for csrf in ("", "wrong", "秘密"):
        assert client.post("/language", data={"csrf": csrf, "language": "en"}).status_code == 403
    assert client.post("/language", data={"language": "en"}).status_code == 403
    assert 'lang="zh-CN"' in client.get("/own").text


def test_the_secret_of_another_visitor_is_none(sign_in: SignIn) -> None:
    one, other = sign_in({Role.OPERATOR}), sign_in({Role.OPERATOR})
    assert one.post("/language", data={"csrf": other.csrf, "language": "en"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": ""},
    ],
)
def test_a_form_from_elsewhere_changes_nothing(client: Browser, headers: dict[str, str]) -> None:
    if not headers["Sec-Fetch-Site"]:
        client.headers.pop("Sec-Fetch-Site")
        headers = {name: value for name, value in headers.items() if value}
    answer = client.post("/language", data={"csrf": client.csrf, "language": "en"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}]
)
def test_a_form_from_here_is_taken(client: Browser, headers: dict[str, str]) -> None:
    client.headers.pop("Sec-Fetch-Site")
    answer = client.post(
        "/language", data={"csrf": client.csrf, "language": "en", "back": "/own"}, headers=headers
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/own")


def test_other_bodies_and_large_ones_are_refused(client: Browser) -> None:
    assert client.post("/language", json={"csrf": client.csrf, "language": "en"}).status_code == 415
    assert client.post("/language", files={"csrf": client.csrf.encode()}).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    large = f"csrf={client.csrf}&language=en&x=".encode() + b"y" * LARGEST_FORM
    assert client.post("/language", content=large, headers=form).status_code == 413
    pieces = (large[at : at + 1000] for at in range(0, len(large), 1000))
    assert client.post("/language", content=pieces, headers=form).status_code == 413
    assert 'lang="zh-CN"' in client.get("/own").text


def test_half_a_form_changes_nothing(client: Browser) -> None:
    """A connection that breaks in the middle: the secret has arrived, the rest has not."""
    parts = iter([{"type": "http.request", "body": f"csrf={client.csrf}&langu".encode(), "more_body": True}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {
        "host": "testserver",
        "sec-fetch-site": "same-origin",
        "cookie": f"tongqu_session={client.token}",
        "content-type": "application/x-www-form-urlencoded",
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/language",
        "query_string": b"",
        "server": ("testserver", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    loop.run_until_complete(client.app(scope, receive, send))
    assert sent[0]["status"] == 400


# -- language --------------------------------------------------------------------------------------


def test_the_language_of_a_visitor(client: Browser) -> None:
    assert 'lang="zh-CN"' in client.get("/own").text
    client.submit("/language", language="en", back="/own")
    assert '<html lang="en">' in client.get("/own").text
    assert "Sign out" in client.get("/own").text
    client.submit("/language", language="zh")
    assert 'lang="zh-CN"' in client.get("/own").text


def test_the_language_before_signing_in_is_that_after(stranger: Browser, room: Room) -> None:
    csrf = re.search(r'name="csrf" value="([^"]+)"', stranger.get("/sign-in").text)
    assert csrf
    stranger.post("/language", data={"csrf": csrf[1], "language": "en", "back": "/sign-in"})
    assert "Password" in stranger.get("/sign-in").text
    first = room.accounts.add("li", "李", {Role.VIEWER}, "os:test")
    stranger.post("/sign-in", data={"csrf": csrf[1], "name": "li", "password": first})
    assert '<html lang="en">' in stranger.get("/own").text


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "\\\\evil.example",
        "http:/tasks",
        "/\u2028/evil.example",
        "//[",
        "http://[evil",
        "",
    ],
)
def test_no_way_leads_out(stranger: Browser, address: str) -> None:
    assert local(address) == ""
    assert 'name="to" value=""' in stranger.get("/sign-in", params={"to": address}).text


@given(st.text(alphabet="/\\:?#@[].ae\t\n %\u3000"))
def test_whatever_is_typed_stays_within(address: str) -> None:
    kept = local(address)
    assert urlsplit(urljoin("http://console/", kept)).netloc == "console"
    assert kept == "" or re.match(r"/(?![/\\])", kept)


def test_ways_within_are_kept() -> None:
    for path in ("/", "/tasks", "/messages/01-23?said=done"):
        assert local(path) == path


# -- what every answer carries ---------------------------------------------------------------------


def test_every_answer_has_its_headers(app: FastAPI, stranger: Browser, client: Browser) -> None:
    served = [client.request(method, path) for method, path in routes(app) if method == "GET"]
    served += [
        client.get(path)
        for path in ("/static/console.css", "/static/vendor/htmx.min.js", "/static/none", "/nowhere")
    ]
    served += [
        stranger.get("/sign-in"),
        stranger.get("/"),
        client.post("/own"),
        client.request("PUT", "/own"),
    ]
    served.append(client.get("/own", headers={"Host": "evil.example"}))
    assert {answer.status_code for answer in served} >= {200, 303, 403, 404, 421}
    for answer in served:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';"), answer.url
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        static = answer.url.path.startswith("/static/")
        assert answer.headers["cache-control"] == ("no-cache" if static else "no-store")
        assert "strict-transport-security" not in answer.headers


def test_a_defect_is_a_page_with_a_number_and_no_trace(app: FastAPI, client: Browser) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError(f"the secret of {IDENTITY}")

    with capture_logs() as lines:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert "RuntimeError" not in answer.text
    assert IDENTITY not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    [failed] = [line for line in lines if line["event"] == "console.failed"]
    assert failed["number"] in answer.text


def test_a_store_that_is_away_is_a_page_that_says_so(client: Browser, stocked: Stocked) -> None:
    database = stocked.configuration.data_dir / "gateway.db"
    database.rename(database.with_suffix(".away"))
    for path in ("/tasks", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "请先启动一次网关" in answer.text
    assert client.get("/static/console.css").status_code == 200


@pytest.mark.parametrize("error", [NotPossible("不行", "no"), Moved()])
def test_what_is_not_possible_is_no_failure(app: FastAPI, client: Browser, error: GatewayError) -> None:
    @app.get("/impossible")
    def impossible() -> None:
        raise error

    answer = client.get("/impossible")
    assert answer.status_code == 409
    assert error.zh in answer.text


def test_the_log_tells_the_route_and_never_the_query(client: Browser) -> None:
    with capture_logs() as lines:
        client.get("/messages", params={"text": IDENTITY})
        client.get(f"/messages/{IDENTITY}")
        client.get(f"/{IDENTITY}")
    told = [line for line in lines if line["event"] == "console.request"]
    assert [line["route"] for line in told] == ["/messages", "/messages/{message_id}", "-"]
    assert {line["user"] for line in told} == {client.name}
    assert IDENTITY not in str(lines)


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "", "[::1", "127.0.0.1.evil.example:8092"]
)
def test_a_foreign_name_is_refused(stranger: Browser, host: str) -> None:
    assert stranger.get("/sign-in", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost:8092", "127.0.0.1:8092", "[::1]:8092", "LOCALHOST", "testserver"]
)
def test_the_own_names_are_served(stranger: Browser, host: str) -> None:
    assert stranger.get("/sign-in", headers={"Host": host}).status_code == 200


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(stranger: Browser, room: Room) -> None:
    shown = stranger.get("/sign-in")
    first = room.accounts.add("zhao", "赵", {Role.VIEWER}, "os:test")
    form = {"csrf": stranger.cookies["tongqu_entry"], "name": "zhao", "password": first}
    entered = stranger.post("/sign-in", data=form)
    for answer in (shown, entered):
        [cookie] = answer.headers.get_list("set-cookie")
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= flags
        assert "secure" not in flags
