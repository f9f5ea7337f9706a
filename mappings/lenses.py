"""Lenses for text of every kind: free, coded, fixed, yes or no, identity numbers, converted."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mappings.charset import CHARSETS, Charset
from mappings.codes import CodeTable
from mappings.converters import Converter
from mappings.errors import Refused
from mappings.lens import Lens
from mappings.shape import Field

#: What XML 1.0 cannot carry has no place in a canonical text, or a body from JSON could not go on as XML.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class TextLens(Lens):
    """`text(30)`: any text of at most so many characters; `text(60 bytes gbk)`: of so many bytes."""

    kinds: ClassVar = frozenset({"text"})
    safe: ClassVar = False
    limit: int
    target: Field | None = None
    size: int = 0  #: bytes in the charset; 0 where characters count
    charset: Charset = CHARSETS["utf-8"]
    truncate: bool = False  #: what is too long is cut when it is written
    substitutes: dict[int, str] = field(default_factory=dict)  #: written for what the charset lacks
    #: The limits of both sides, worked out once: this runs for every field of every message.
    cap: int = field(init=False)
    strict: bool = field(init=False)

    def __post_init__(self) -> None:
        target = self.target
        canonical = target.max_length if target is not None and target.max_length is not None else self.limit
        object.__setattr__(self, "cap", min(self.limit, canonical))
        strict = target is not None and (target.pattern is not None or target.min_length > 1)
        object.__setattr__(self, "strict", strict)

    @property
    def lossy(self) -> bool:
        """What is written may not be what it was."""
        return self.truncate or bool(self.substitutes)

    def read(self, text: str) -> str:
        if len(text) > self.cap:
            raise Refused("length", f"长度不得超过 {self.cap} 个字符", f"at most {self.cap} characters")
        if not text.isprintable() and _FORBIDDEN.search(text):
            raise Refused("control", "含有控制字符", "contains control characters")
        if self.size and len(self.charset.encode(text)) > self.size:
            zh = f"长度不得超过 {self.size} 字节({self.charset.name})"
            raise Refused("length", zh, f"at most {self.size} bytes of {self.charset.name}")
        if self.strict and self.target is not None:
            self.target.check_text(text)
        return text

    def write(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("type", "应为文本", "must be text")
        if not value:
            raise Refused("empty", "空文本与缺失无法区分", "empty text cannot be told from absence")
        said = value.translate(self.substitutes) if self.substitutes else value
        return self.read(self._cut(said) if self.truncate else said)

    def _cut(self, text: str) -> str:
        short = text[: self.cap]
        if self.size:
            short = self.charset.cut(short, self.size)
        # A blank before the cut would be taken for padding.
        return text if short == text else short.rstrip(" ")

    def facets(self) -> tuple[str, int | None]:
        pattern = self.target.bare_pattern if self.target is not None else ""
        return pattern.replace(r"\d", "[0-9]"), self.cap


@dataclass(frozen=True)
class FlagLens(Lens):
    """`flag(1/0)`: one text for yes, one for no."""

    kinds: ClassVar = frozenset({"bool"})
    safe: ClassVar = False
    yes: str
    no: str

    def read(self, text: str) -> bool:
        if text == self.yes:
            return True
        if text == self.no:
            return False
        raise Refused(
            "flag", f"应为 {self.yes}(是)或 {self.no}(否)", f"must be {self.yes} (yes) or {self.no} (no)"
        )

    def write(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise Refused("flag", "应为是或否", "must be true or false")
        return self.yes if value else self.no

    def facets(self) -> tuple[str, int | None]:
        return f"{re.escape(self.yes)}|{re.escape(self.no)}", None


@dataclass(frozen=True)
class CodeLens(Lens):
    """`code(insutype)`: a code of a table; with `open`, whatever looks like a code passes through as it is."""

    kinds: ClassVar = frozenset({"text"})
    safe: ClassVar = False
    table: CodeTable
    open: bool
    to_canonical: dict[str, str]
    to_partner: dict[str, str]

    _LOCAL: ClassVar = re.compile(r"[A-Za-z0-9_.-]{1,30}")

    def read(self, text: str) -> str:
        known = self.to_canonical.get(text)
        return known if known is not None else self._other(text, self.to_partner)

    def write(self, value: Any) -> str:
        known = self.to_partner.get(value) if isinstance(value, str) else None
        return known if known is not None else self._other(value, self.to_canonical)

    def _other(self, text: Any, taken: dict[str, str]) -> str:
        # A local code that is taken on the other side would come back as something else.
        local = isinstance(text, str) and self._LOCAL.fullmatch(text) is not None
        if not self.open or not local or text in taken:
            name = self.table.name
            raise Refused("code", f"不是代码表 {name} 中的代码", f"is not a code of table {name}")
        return str(text)

    def facets(self) -> tuple[str, int | None]:
        return (
            (self._LOCAL.pattern, None) if self.open else ("|".join(map(re.escape, self.to_canonical)), None)
        )


@dataclass(frozen=True)
class ConstLens(Lens):
    """`const(01)`: always the same text, checked on the way in."""

    kinds: ClassVar = frozenset[str]()
    safe: ClassVar = False
    text: str

    def read(self, text: str) -> None:
        if text != self.text:
            raise Refused("const", f"应为固定值 {self.text}", f"must be {self.text}")

    def write(self, value: Any) -> str:
        return self.text

    def facets(self) -> tuple[str, int | None]:
        return re.escape(self.text), None


@dataclass(frozen=True)
class BlankLens(ConstLens):
    """`blank`: nothing stands here, and nothing may."""

    text: str = ""

    def read(self, text: str) -> None:
        raise Refused("blank", "此处应为空", "must be empty")


@dataclass(frozen=True)
class IdentityLens(Lens):
    """`cn_id`: a citizen's number of GB 11643 with its check digit and a possible birth date."""

    kinds: ClassVar = frozenset({"text"})
    _PATTERN: ClassVar = re.compile(r"[1-9]\d{5}((?:18|19|20)\d{6})\d{3}[\dX]", re.ASCII)
    _DIGITS: ClassVar = "10X98765432"

    def read(self, text: str) -> str:
        match = self._PATTERN.fullmatch(text)
        weights = (pow(2, 17 - i, 11) * int(c) for i, c in enumerate(text[:17])) if match else ()
        if match is None or self._DIGITS[sum(weights) % 11] != text[17]:
            raise Refused("cn_id", "不是有效的居民身份证号", "is not a valid identity number")
        try:
            dt.datetime.strptime(match[1], "%Y%m%d")
        except ValueError:
            raise Refused(
                "cn_id", "身份证号中的出生日期无效", "the birth date inside is impossible"
            ) from None
        return text

    def write(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("type", "应为文本", "must be text")
        return self.read(value)

    def facets(self) -> tuple[str, int | None]:
        return "[1-9][0-9]{16}[0-9X]", None


@dataclass(frozen=True)
class ConvertLens(Lens):
    """`convert(name)`: a registered pair of Python functions."""

    kinds: ClassVar = frozenset[str]()
    safe: ClassVar = False
    converter: Converter
    target: Field | None = None

    def read(self, text: str) -> Any:
        value = self.converter.decode(text)
        if self.target is not None:
            self.target.check(value)
        return value

    def write(self, value: Any) -> str:
        return self.converter.encode(value)
