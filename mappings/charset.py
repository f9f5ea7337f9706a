"""The character sets partners write in, strictly: what one cannot say is refused, never replaced.

In none of them a line feed, a carriage return or a control character is ever part of a longer character, so
bytes may be cut there before they are decoded. Other ASCII characters are: `|` is the second byte of some
characters of GBK, and a digit the second of some of GB18030.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cache

from mappings.errors import Refused

#: In UTF-8 every Chinese character in use is one of these; in GBK the same bytes are others.
_CHINESE = re.compile("[\u4e00-\u9fff]")


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

    def expect(self, data: bytes) -> None:
        """Refuses UTF-8 where GBK is agreed, which would read as other characters and not as none.

        Bytes that can be both are GBK if most of their characters would be common ones.

        Args:
            data: a message or the beginning of one; its last character may be cut.

        Raises:
            Refused: with the rule `charset`.
        """
        if self.codec == "utf-8" or data.isascii():
            return
        text = _begun(data, "utf-8")
        foreign = text is not None and _CHINESE.search(text) is not None and not self._common(data)
        if foreign or data.startswith(codecs.BOM_UTF8):
            raise Refused(
                "charset",
                f"字节是 UTF-8,约定的编码是 {self.name}",
                f"the bytes are UTF-8, where {self.name} is agreed",
            )

    def _common(self, data: bytes) -> bool:
        """Whether most of the characters are common ones of Chinese."""
        wide = [c for c in _begun(data, self.codec) or "" if not c.isascii()]
        return bool(wide) and 3 * sum(c in _level_one() for c in wide) >= 2 * len(wide)

    def _refused(self) -> Refused:
        zh, en = f"含有 {self.name} 以外的字符", f"contains what is no character of {self.name}"
        return Refused("charset", zh, en)


def _begun(data: bytes, codec: str) -> str | None:
    """The text of bytes whose last character may be cut; None where they are none of this charset."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(data)
    except UnicodeDecodeError:
        return None


@cache
def _level_one() -> frozenset[str]:
    """The 3755 characters that GB 2312 calls those in common use."""
    rows = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return frozenset(b.decode("gb2312") for b in rows if b < b"\xd7\xfa")


CHARSETS = {
    c.name: c
    for c in (
        Charset("gbk", "gbk", 2),
        Charset("gb18030", "gb18030", 4),
        Charset("utf-8", "utf-8", 4, skipped=codecs.BOM_UTF8),
        Charset("utf-8-bom", "utf-8", 4, codecs.BOM_UTF8, codecs.BOM_UTF8),
    )
}
