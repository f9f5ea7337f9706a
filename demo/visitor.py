"""Somebody at the console: keeps cookies, follows redirects and fills forms in, as a browser does without scripts."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar


@dataclass
class Form:
    """A form of a page, with what it holds before anybody fills it in."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page as it came."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__()
        self.url, self.status, self.text = url, status, text
        self.forms: list[Form] = []
        self.feed(text)

    @property
    def path(self) -> str:
        return urllib.parse.urlsplit(self.url).path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urllib.parse.urljoin(self.url, values.get("action", ""))))
        elif tag == "input" and self.forms and "name" in values:
            self.forms[-1].fields[values["name"]] = values.get("value", "")


class Visitor:
    """One browser at one console. Methods block.

    Args:
        origin: of the console, such as `http://127.0.0.1:8092`.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, path: str) -> Page:
        """A page; one that is refused is a page, too."""
        return self._read(urllib.request.Request(urllib.parse.urljoin(self._origin, path)))

    def submit(self, page: Page, path: str, **filled: str) -> Page:
        """Sends the page's form for that path, with these fields filled in.

        A form that the page does not have is made up, as somebody could who is not offered it.
        """
        action = urllib.parse.urljoin(self._origin, path)
        form = next((one for one in page.forms if one.action == action), Form(action))
        known = page.forms[0].fields.get("csrf", "")
        content = urllib.parse.urlencode({"csrf": known, **form.fields, **filled}).encode()
        return self._read(urllib.request.Request(action, content, {"Origin": self._origin}))

    def sign_in(self, name: str, password: str) -> Page:
        """The page that one begins with."""
        return self.submit(self.open("/sign-in"), "/sign-in", name=name, password=password)

    def _read(self, request: urllib.request.Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=20)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            return Page(answer.url, answer.status, answer.read().decode("utf-8"))
