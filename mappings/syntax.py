"""`as: money(yuan)`: the text after `as` becomes a lens bound to its canonical field."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mappings import codes, converters
from mappings.charset import CHARSETS
from mappings.keys import nearest
from mappings.lens import Lens
from mappings.lenses import BlankLens, CodeLens, ConstLens, ConvertLens, FlagLens, IdentityLens, TextLens
from mappings.lenses_numbers import DecimalLens, IntLens, MoneyLens, NumberLens, SequenceLens
from mappings.lenses_organisations import CreditCodeLens
from mappings.lenses_times import DateLens, TimeLens
from mappings.shape import Field

_CALL = re.compile(r"([a-z_]+)(?:\((.*)\))?", re.DOTALL)


class BadLens(ValueError):
    """The text after `as` is no lens; carries what lint says about it."""

    def __init__(self, zh: str, en: str, suggestion: str = "") -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.suggestion = suggestion


def lens(
    text: str,
    target: Field | None,
    open_codes: bool = False,
    tables: tuple[Path, ...] = (codes.FOLDER,),
    charset: str = "",
    truncate: bool = False,
    substitutes: str = "",
    reserved: str = "",
) -> Lens:
    """The lens that `text` names.

    Args:
        target: the canonical field it will stand before; its limits become the lens's.
        open_codes: a code table takes codes it does not know.
        tables: the folders of code tables.
        charset: of the codec, for texts of so many bytes.
        truncate: a text that is too long is cut.
        substitutes: the table of what is written for characters outside of the charset, and for reserved ones.
        reserved: characters that no text of the format can hold.

    Raises:
        BadLens: no such lens, wrong arguments, unknown code table or converter.
    """
    match = _CALL.fullmatch(text)
    make = _MAKERS.get(match[1]) if match else None
    if match is None or make is None:
        names = tuple(_MAKERS)
        raise BadLens(
            f"不认识的类型“{text}”", f"unknown type {text!r}", nearest(text.partition("(")[0], names)
        )
    argument = (match[2] or "").strip()
    if make is _code:
        return replace(_code(argument, tables), open=open_codes)
    made = _text(argument, charset) if make is _text else make(argument)
    if (truncate or substitutes) and not isinstance(made, TextLens):
        raise BadLens("overflow、outside 只用于 text", "`overflow` and `outside` are for text")
    if isinstance(made, TextLens):
        written = _substitutes(substitutes, tables, charset, reserved) if substitutes else {}
        return replace(made, target=target, truncate=truncate, substitutes=written)
    if isinstance(made, SequenceLens):
        return replace(made, as_text=target is not None and target.kind == "text")
    return replace(made, target=target) if isinstance(made, ConvertLens) else made


def _text(argument: str, charset: str = "") -> TextLens:
    match = re.fullmatch(r"([1-9]\d{0,8})( bytes(?: (\S+))?)?", argument, re.ASCII)
    if match is None:
        raise BadLens("text 需要最大长度", "text needs its maximal length", "text(30) / text(60 bytes)")
    limit, counted, named = match.groups()
    if not counted:
        return TextLens(int(limit))
    name = named or charset
    if name not in CHARSETS:
        zh, en = "按字节计的长度需要字符集", "a length in bytes needs a charset"
        raise BadLens(zh, en, f"text({limit} bytes gbk)")
    return TextLens(int(limit), size=int(limit), charset=CHARSETS[name])


def _sequence(argument: str) -> Lens:
    if argument and not re.fullmatch(r"[1-9]|1[0-8]", argument, re.ASCII):
        raise BadLens("sequence 的位数应为 1 至 18", "a sequence has 1 to 18 digits", "sequence(8)")
    return SequenceLens(int(argument or 0))


def _money(argument: str) -> Lens:
    if argument not in ("yuan", "fen"):
        raise BadLens("money 需要写明单位", "money needs its unit", "money(yuan) / money(fen)")
    return MoneyLens(2 if argument == "yuan" else 0)


def _digits(argument: str, name: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2})(?: *[.,] *(\d{1,2}))?", argument, re.ASCII)
    digits, decimals = (int(match[1]), int(match[2] or 0)) if match else (0, 0)
    if not decimals < digits <= 30:
        raise BadLens(f"{name} 需要总位数和小数位数", f"{name} needs digits and decimals", f"{name}(16.4)")
    return digits, decimals


def _time(make: type[TimeLens], default: str, needed: str) -> Callable[[str], Lens]:
    def build(argument: str) -> Lens:
        form = argument.strip("'\"") or default
        tokens = re.findall("yyyy|MM|dd|HH|mm|SSS|ss", form)
        if any(t not in tokens for t in needed.split()) or len(set(tokens)) != len(tokens):
            raise BadLens(
                "日期时间格式不完整或重复", "the format lacks or repeats a part", f"如 / such as {default}"
            )
        if re.search("[A-Za-z]", re.sub("yyyy|MM|dd|HH|mm|SSS|ss|T", "", form)):
            raise BadLens(
                "日期时间格式中有不认识的字母", "the format has unknown letters", f"如 / such as {default}"
            )
        return make(form)

    return build


def _flag(argument: str) -> Lens:
    parts = [p.strip(" '\"") for p in re.split("[/,]", argument or "1/0")]
    if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
        raise BadLens("flag 需要两个不同的值", "flag needs two different texts", "flag(1/0)")
    return FlagLens(parts[0], parts[1])


def _code(argument: str, tables: tuple[Path, ...] = (codes.FOLDER,)) -> CodeLens:
    table = _table(argument, tables)
    return CodeLens(table, False, table.to_canonical, table.to_partner)


def _table(name: str, tables: tuple[Path, ...]) -> codes.CodeTable:
    try:
        return codes.table(name, tables)
    except KeyError:
        hint = nearest(name, codes.names(tables))
        raise BadLens(f"没有代码表“{name}”", f"no code table {name!r}", hint) from None
    except ValueError as error:
        raise BadLens(f"代码表 {name} 已损坏", f"code table {name} is damaged: {error}") from None


def _substitutes(name: str, tables: tuple[Path, ...], charset: str, reserved: str) -> dict[int, str]:
    """What is written for which characters: those of the table that the charset has not, or that are reserved."""
    if charset not in CHARSETS:
        raise BadLens("outside 需要有字符集的格式", "`outside` needs a format with a charset")
    known = CHARSETS[charset]
    table = _table(name, tables)

    def says(text: str) -> bool:
        return known.says(text) and not any(c in reserved for c in text)

    written = {c: text for c, text in table.substitutes.items() if len(c) != 1 or not says(c)}
    wrong = [c for c, text in written.items() if len(c) != 1 or not text or not says(text)]
    if wrong:
        zh = f"代码表 {name} 的“{wrong[0]}”应为一个字符,其 substitute 须能以 {charset} 写出"
        en = f"{wrong[0]!r} of table {name} must be one character, with a substitute that {charset} can write"
        raise BadLens(zh, en)
    if not written:
        zh, en = (
            f"代码表 {name} 没有 {charset} 以外的字符",
            f"table {name} has no character that {charset} lacks",
        )
        raise BadLens(zh, en, "outside: refuse")
    return {ord(c): text for c, text in written.items()}


def _const(argument: str) -> Lens:
    quoted = re.fullmatch(r"(['\"])(.*)\1", argument, re.DOTALL)
    text = quoted[2] if quoted else argument
    if not text:
        raise BadLens("const 需要固定值", "const needs its text", "const(01)")
    return ConstLens(text)


def _convert(argument: str) -> Lens:
    try:
        return ConvertLens(converters.get(argument))
    except KeyError:
        hint = nearest(argument, converters.known())
        raise BadLens(
            f"没有登记转换器“{argument}”", f"no converter {argument!r} is registered", hint
        ) from None


_MAKERS: dict[str, Callable[[str], Lens]] = {
    "text": _text,
    "money": _money,
    "decimal": lambda a: DecimalLens(*_digits(a, "decimal")),
    "number": lambda a: NumberLens(*_digits(a, "number")),
    "int": lambda a: IntLens(),
    "datetime": _time(TimeLens, "yyyy-MM-dd HH:mm:ss", "yyyy MM dd HH mm"),
    "date": _time(DateLens, "yyyy-MM-dd", "yyyy MM dd"),
    "flag": _flag,
    "code": _code,
    "const": _const,
    "blank": lambda a: BlankLens(),
    "sequence": _sequence,
    "cn_id": lambda a: IdentityLens(),
    "uscc": lambda a: CreditCodeLens(),
    "convert": _convert,
}
