"""`as: money(yuan)`: the text after `as` becomes a lens bound to its canonical field."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from mappings import codes, converters
from mappings.definition import nearest
from mappings.lens import Lens
from mappings.lenses import CodeLens, ConstLens, ConvertLens, FlagLens, IdentityLens, TextLens
from mappings.lenses_numbers import DecimalLens, IntLens, MoneyLens, NumberLens
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


def lens(text: str, target: Field | None, open_codes: bool = False) -> Lens:
    """The lens that `text` names.

    Args:
        target: the canonical field it will stand before; its limits become the lens's.
        open_codes: a code table takes codes it does not know.

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
    made = make((match[2] or "").strip())
    if isinstance(made, CodeLens):
        return replace(made, open=open_codes)
    if isinstance(made, TextLens | ConvertLens):
        return replace(made, target=target)
    return made


def _text(argument: str) -> Lens:
    if not argument.isdigit() or int(argument) == 0:
        raise BadLens("text 需要最大长度", "text needs its maximal length", "text(30)")
    return TextLens(int(argument))


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


def _code(argument: str) -> Lens:
    try:
        table = codes.table(argument)
    except KeyError:
        hint = nearest(argument, codes.names())
        raise BadLens(f"没有代码表“{argument}”", f"no code table {argument!r}", hint) from None
    except ValueError as error:
        raise BadLens(f"代码表 {argument} 已损坏", f"code table {argument} is damaged: {error}") from None
    return CodeLens(table, False, table.to_canonical, table.to_partner)


def _const(argument: str) -> Lens:
    text = argument.strip("'\"")
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
    "cn_id": lambda a: IdentityLens(),
    "convert": _convert,
}
