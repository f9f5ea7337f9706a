"""The character sets partners write in, strictly: what one cannot say is refused, never replaced.

In none of them a line feed, a carriage return or a control character is ever part of a longer character, so
bytes may be cut there before they are decoded. Other ASCII characters are: `|` is the second byte of some
characters of GBK, and a digit the second of some of GB18030.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from mappings.errors import Refused


@dataclass(frozen=True, slots=True)
class Charset:
    name: str
    codec: str  #: what Python calls it
    widest: int  #: bytes of the widest character
    mark: bytes = b""  #: what a file begins with
    skipped: bytes = b""  #: what it may begin with

    def decode(self, data: bytes) -> str:
        try:
            return data.decode(self.codec)
        except UnicodeDecodeError:
            raise self._refused() from None

    def encode(self, text: str) -> bytes:
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError:
            raise self._refused() from None

    def says(self, text: str) -> bool:
        """Whether it has all these characters."""
        try:
            return bool(text.encode(self.codec)) or not text
        except UnicodeEncodeError:
            return False

    def cut(self, text: str, size: int) -> str:
        """The beginning of a text that fits into so many bytes, whole characters only."""
        return codecs.getincrementaldecoder(self.codec)().decode(self.encode(text)[:size])

    def _refused(self) -> Refused:
        zh, en = f"含有 {self.name} 以外的字符", f"contains what is no character of {self.name}"
        return Refused("charset", zh, en)


CHARSETS = {
    c.name: c
    for c in (
        Charset("gbk", "gbk", 2),
        Charset("gb18030", "gb18030", 4),
        Charset("utf-8", "utf-8", 4, skipped=codecs.BOM_UTF8),
        Charset("utf-8-bom", "utf-8", 4, codecs.BOM_UTF8, codecs.BOM_UTF8),
    )
}
