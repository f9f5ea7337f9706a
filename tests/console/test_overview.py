"""The overview beside a real gateway with thirty partners, and beside none."""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI

from gateway import __version__
from gateway.console.pages.overview import duration
from gateway.console.pulse import Pulse, Snapshot
from gateway.console.readings import Flow, Reading
from gateway.console.roles import Role
from gateway.console.room import Room
from gateway.console.standing import per_second, standing_of
from tests.console.beside import HOSTILE, ODD, OFF, beside, seen
from tests.console.conftest import Browser, SignIn


class Page(HTMLParser):
    """What a browser would make of it: elements, their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> set[str | None]:
        return {attributes.get("href") for tag, attributes in self.elements if tag == "a"}


async def test_thirty_partners_and_a_gateway_that_dies(tmp_path: Path) -> None:
    with beside(tmp_path) as there:
        pulse, browser = there.room.pulse, there.browser
        pulse.look()
        await there.settle(1, 2)
        await seen(pulse, lambda look: look.books.counts.get(("province", "accepted")) == 2)
        page = Page(browser.get("/").text)
        assert len(there.room.configuration.partners) == 30
        assert {f"/partners/{name}" for name in there.room.configuration.partners} <= page.links()
        assert {
            "/tasks?state=dead",
            "/tasks?state=in-doubt",
            "/tasks?state=held",
            "/proposals",
        } <= page.links()
        assert "✓ 就绪" in page.text
        assert "可读写" in page.text
        assert "没有需要人处理的" in page.text
        assert page.text.count("✓ 正常") == 29
        assert page.text.count("– 停用") == 1
        assert "p99" in page.text

        live = browser.get("/live/overview").text
        assert "<html" not in live
        assert "<script" not in live
        assert "style=" not in live
        assert html.escape(HOSTILE, quote=False) in live.replace("&#34;", '"').replace("&#39;", "'")
        assert "49" not in re.findall(r"alert\(1\).*?医院(.*?)（", live), "a title is no template"

        there.stage.kill_gateway()
        pulse.look()
        just_now = Page(browser.get("/live/overview").text).text
        assert "网关没有应答，最后一次应答在" in just_now
        assert "进程可能刚刚停止" in just_now
        await seen(pulse, lambda look: not look.books.alive)
        page = Page(browser.get("/").text)
        assert "停机期间不接收报文" in page.text
        assert "一件不丢" in page.text
        assert f"gateway run --config {there.stage.config}" in page.text
        assert page.text.count("? 未知") == 29
        browser.submit("/language", language="en", back="/")
        page = Page(browser.get("/").text)
        assert "nothing is lost" in page.text
        assert "– disabled" in page.text

        there.stage.start_gateway()
        pulse.look()
        page = Page(browser.get("/live/overview").text)
        assert "✓ ready" in page.text
        assert "does not answer" not in page.text
        assert f"/partners/{ODD}" in page.links()
        assert f"/partners/{OFF}" in page.links()


def test_what_waits_for_people(client: Browser, room: Room) -> None:
    room.pulse.look()
    page = Page(client.get("/").text)
    numbers = re.findall(r"(\d+)\s*(结果不明|投递失败|待核验|待复核)", page.text)
    assert {name: number for number, name in numbers} == {
        "结果不明": "1",
        "投递失败": "1",
        "待核验": "1",
        "待复核": "0",
    }
    assert "自控制台开始查看以来一直如此" in page.text


def test_no_inline_style_or_script(client: Browser) -> None:
    for path in ("/", "/live/overview"):
        for tag, attributes in Page(client.get(path).text).elements:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            assert tag != "style"
            assert tag != "script" or attributes.get("src", "").startswith("/static/")  # type: ignore[union-attr]


def test_what_changes_asks_for_itself_and_pauses_with_the_tab(client: Browser) -> None:
    elements = [attributes for _, attributes in Page(client.get("/").text).elements]
    [live] = [attributes for attributes in elements if "data-live" in attributes]
    assert live["hx-get"] == "/live/overview"
    assert live["hx-trigger"] == "every 3s"
    assert live["hx-swap"] == "innerMorph", "only what differs is touched: nothing flickers"


def test_a_store_that_cannot_be_read_is_told(room: Room, client: Browser) -> None:
    room.pulse.look()
    path = room.configuration.gateway.store.sqlite_path
    assert path is not None
    hidden = Path(path).with_name("elsewhere.db")
    Path(path).rename(hidden)
    room.pulse.look()
    hidden.rename(path)
    text = Page(client.get("/").text).text
    assert "无法读取数据库" in text
    assert "的数字。" in text
    assert "一件不丢" not in text, "nobody can say so now"


def test_a_pulse_that_has_stopped_is_told(
    room: Room, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = looked(room, {"clinic-a": Flow(accepted=1)})
    late = dataclasses.replace(looks[-1], at=looks[-1].at - 21_000)
    monkeypatch.setattr(room.pulse, "_history", [late])
    for path, words in (
        ("/", "现在如何不知道"),
        ("/partners", "控制台没有新的数据"),
        ("/partners/clinic-a", "? 未知"),
    ):
        text = Page(client.get(path).text).text
        assert words in text
        assert "✓" not in text


@pytest.mark.parametrize(("version", "told"), [(__version__, False), ("99.0", True)])
def test_a_console_of_before_an_upgrade_is_told(
    room: Room, client: Browser, monkeypatch: pytest.MonkeyPatch, version: str, told: bool
) -> None:
    [look] = looked(room, {"clinic-a": Flow()})
    reading = Reading(1.0, {"version": version}, {"clinic-a": Flow()})
    monkeypatch.setattr(room.pulse, "_history", [dataclasses.replace(look, reading=reading)])
    assert ("升级后请重启控制台" in client.get("/live/overview").text) is told


@pytest.mark.parametrize("path", ["/", "/live/overview"])
def test_who_gives_out_accounts_sees_no_traffic(sign_in: SignIn, path: str) -> None:
    assert sign_in({Role.SECURITY_ADMIN}).get(path).status_code == 403


def test_nobody_sees_it_without_signing_in(stranger: Browser, app: FastAPI) -> None:
    assert stranger.get("/").status_code == 303
    assert "就绪" not in stranger.get("/live/overview").text


def looked(room: Room, *flows: dict[str, Flow] | None) -> list[Snapshot]:
    """Looks three seconds apart, by what the gateway told of its partners; None: it was silent."""
    newest = Pulse(room.configuration).look()
    books, begin = newest.books, newest.at - 3000 * (len(flows) - 1)
    return [
        Snapshot(
            begin + number * 3000,
            books,
            ready=told is not None,
            reading=None if told is None else Reading(1.0, flows=told),
        )
        for number, told in enumerate(flows)
    ]


def test_the_state_of_a_partner_has_a_sign_and_a_word(room: Room) -> None:
    centre = room.configuration.partners["centre"]
    for flow, words in (
        (Flow(up=1.0), ("!", "有未了结")),
        (Flow(up=0.0), ("✗", "不可达")),
        (Flow(), ("?", "未知")),
    ):
        state = standing_of(centre, looked(room, {"centre": flow})).state
        assert (state.sign, state.zh) == words
    assert standing_of(centre, looked(room, None)).state.sign == "?"
    clinic = standing_of(room.configuration.partners["clinic-a"], looked(room, {}))
    assert (clinic.state.sign, clinic.sends, clinic.receives, clinic.up) == ("✓", True, False, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (0.0012, "1.2 ms"),
        (0.0999, "99.9 ms"),
        (0.25, "250 ms"),
        (0.9997, "1000 ms"),
        (2.5, "2.5 s"),
    ],
)
def test_how_long_it_took(seconds: float | None, words: str | None) -> None:
    assert duration(seconds) == words


def test_the_rate_of_a_partner_is_that_of_now(room: Room) -> None:
    clinic = room.configuration.partners["clinic-a"]

    def rate(*totals: float | None) -> float | None:
        told = [None if total is None else {"clinic-a": Flow(accepted=total)} for total in totals]
        return standing_of(clinic, looked(room, *told)).rate

    assert rate(0, 30) == 10
    assert rate(0, None, 30, 60) == pytest.approx(60 / 9)
    assert rate(5) is None
    assert rate(0, 3, None) is None
    assert [per_second(value) for value in (None, 0.0, 0.02, 0.31, 12.6)] == ["–", "0", "<0.1", "0.3", "13"]
