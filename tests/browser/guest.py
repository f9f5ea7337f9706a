"""Somebody at a browser, who notices whatever a browser complains of."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, ViewportSize

#: The smallest screen of a computer room.
SCREEN: Final = ViewportSize(width=1366, height=768)
PATIENCE: Final = 20_000  #: ms until what must come has come, on a machine that is busy
_AXE: Final = Axe()
_RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
_GRAVE: Final = frozenset({"serious", "critical"})


def follow(button: Locator) -> None:
    """Presses, and waits for the page that it leads to: a browser on its way takes the next order amiss."""
    with button.page.expect_navigation():
        button.click()


class Guest:
    """One person with a browser window of their own: cookies are nobody else's.

    Attributes:
        page: the window.
        faults: what the browser complained of, or asked of another host than the console.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self.faults: list[str] = []
        self._origin = origin
        self._context = browser.new_context(viewport=SCREEN, base_url=origin, locale="zh-CN")
        self._context.set_default_timeout(PATIENCE)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def leave(self) -> None:
        self._context.close()

    def open(self, path: str) -> Page:
        """A page, which must be there."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        return self.page

    def sign_in(self, name: str, password: str) -> None:
        self.open("/sign-in")
        self.page.locator("#name").fill(name)
        self.page.locator("#password").fill(password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")

    def examine(self) -> list[str]:
        """What is wrong with the page as it stands: barriers (WCAG, by axe), no heading, wider than the window."""
        found = _AXE.run(self.page, options=_RULES).response
        wrong = [
            f"{one['id']}: {', '.join(node['target'][0] for node in one['nodes'])}"
            for one in found["violations"]
            if one["impact"] in _GRAVE
        ]
        if self.overhang():
            wrong.append(f"{self.overhang()} pixels too wide")
        if not self.page.title() or not self.page.locator("h1").count():
            wrong.append("no title or heading")
        return [f"{urlsplit(self.page.url).path}: {one}" for one in wrong]

    def overhang(self) -> int:
        """Pixels by which the page is wider than the window."""
        return max(0, int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth")))

    def forgive(self, words: str) -> None:
        """The browser complained, and was meant to."""
        self.faults = [fault for fault in self.faults if words not in fault]

    # -- what the browser notices -----------------------------------------------------------------------

    def _heard(self, message: ConsoleMessage) -> None:
        # A page that is refused on purpose is noticed by the browser, too; its status is what the test looks at.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.faults.append(f"{self.page.url}: {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._origin, "data:")):
            self.faults.append(f"{self.page.url} asks {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.faults.append(f"{response.url}: {response.status}")
