"""The formats of one partner's operations: their mappings, loaded once. Pure: files are read, nothing else."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.generic.operations import InquirySettings, OperationSettings
from gateway.canonical import BODIES, Body
from gateway.contract import ConfigError
from mappings import SHIPPED, DefinitionError, Mapping, load

RECEIPT = "gateway.message.received.v1"
REFUSAL = "gateway.request.refused.v1"

#: What `reference` and the values of `envelope` may hold.
_SLOT = re.compile(r"\{([a-z_]+)(?::(\d{1,2}))?\}")
_SLOTS = frozenset({"message_id", "reference", "region", "date", "time", "serial"})


@dataclass(frozen=True)
class Format:
    """One operation with its mappings."""

    settings: OperationSettings
    index: int  #: its place among the settings' operations

    @property
    def opaque(self) -> bool:
        """Its files travel as they are; there is no mapping."""
        return self.settings.opaque

    @cached_property
    def request(self) -> Mapping:
        return mapping_of(self.settings.request)

    @cached_property
    def reply(self) -> Mapping | None:
        return None if self.settings.reply is None else mapping_of(self.settings.reply)

    @cached_property
    def refusal(self) -> Mapping | None:
        return None if self.settings.refusal is None else mapping_of(self.settings.refusal)

    @cached_property
    def _inquiries(self) -> dict[str, Mapping]:
        asked = {"query": self.settings.query, "reversal": self.settings.reversal}
        return {key: mapping_of(s.mapping) for key, s in asked.items() if s is not None}

    def inquiry(self, asked: str) -> Mapping | None:
        """The mapping of its `query` or `reversal`."""
        return self._inquiries.get(asked)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def one_way(self) -> bool:
        return self.settings.style == "one-way"

    def problems(self) -> Iterator[ConfigError]:
        """Mappings that cannot be read or are of another message type, and fields they have not."""
        own = self.settings
        here = f"operations[{self.index}]"
        if self.opaque:
            yield from slots(
                own.reference, f"{here}.reference", (_SLOTS | {"file_name"}) - {"reference", "time"}
            )
            return
        inbound = own.direction == "inbound"
        reply = own.reply_type or RECEIPT
        request = yield from _usable(own.request, own.type, not inbound, f"{here}.request")
        yield from _usable(own.reply, reply, inbound, f"{here}.reply")
        yield from _usable(own.refusal, REFUSAL, True, f"{here}.refusal")
        for key in ("query", "reversal"):
            asked: InquirySettings | None = getattr(own, key)
            if asked is not None:
                found = yield from _usable(asked.mapping, own.type, True, f"{here}.{key}.mapping")
                yield from _envelope(found, asked.envelope, f"{here}.{key}.envelope")
        if request is not None and inbound:
            yield from self._fields(request, here)
        elif request is not None:
            yield from _envelope(request, own.envelope, f"{here}.envelope")
            yield from slots(own.reference, f"{here}.reference", _SLOTS - {"reference", "time"})

    def unasked(self) -> Iterator[ConfigError]:
        """No query, where its way cannot see for itself what became of a document."""
        if self.settings.on_unknown == "query" and self.settings.query is None:
            zh, en = (
                "on_unknown: query 须填 query 及其代码",
                "on_unknown: query needs the query and its codes",
            )
            yield ConfigError(zh, en, path=f"operations[{self.index}].query")

    def _fields(self, request: Mapping, here: str) -> Iterator[ConfigError]:
        known = set(BODIES[self.settings.type].__struct_fields__)
        for key, more in (("id", set(request.envelope)), ("order_by", set()), ("subject", set())):
            field = getattr(self.settings, key)
            if field is not None and field not in known | more:
                names = "、".join(sorted(known | more))
                yield ConfigError(
                    f"没有字段 {field}；可用：{names}",
                    f"no field {field}; there are: {names}",
                    path=f"{here}.{key}",
                )
        if request.elsewhere:
            yield ConfigError(
                "通用适配器不能补充 elsewhere 字段，请改为 assumed",
                "nothing supplies fields from elsewhere here: declare them assumed",
                path=f"{here}.request",
            )


@dataclass(frozen=True)
class Formats:
    """All operations of one partner."""

    formats: tuple[Format, ...]

    @classmethod
    def of(cls, operations: tuple[OperationSettings, ...]) -> Formats:
        return cls(tuple(Format(settings, index) for index, settings in enumerate(operations)))

    def going(self, direction: str) -> tuple[Format, ...]:
        """Those in one direction."""
        return tuple(f for f in self.formats if f.settings.direction == direction)

    def named(self, name: str) -> Format:
        return next(f for f in self.formats if f.name == name)

    def sending(self, message_type: str) -> Format:
        """The one by which messages of a type go out."""
        return next(f for f in self.going("outbound") if f.settings.type == message_type)


def mapping_of(ref: str | Path) -> Mapping:
    """The mapping that settings name.

    Raises:
        ConfigError: there is none, or it is not usable.
    """
    file = Path(ref)
    if isinstance(ref, str):
        file = SHIPPED / f"{ref.removeprefix('shipped:')}.yaml"
        if not file.resolve().is_relative_to(SHIPPED):
            raise ConfigError(f"没有随附的映射 {ref}", f"no mapping {ref} comes with the gateway")
    try:
        return load(file)
    except DefinitionError as error:
        first = error.problems[0]
        raise ConfigError(f"映射有误：{first}", f"not a mapping: {first}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"无法读取映射 {file}：{reason}", f"cannot read {file}: {reason}") from error


def fill(template: str, values: Table[str, Any]) -> str:
    """A template of the settings with its slots filled; `{serial:8}` has at least eight digits."""

    def put(match: re.Match[str]) -> str:
        return str(values[match[1]]).zfill(int(match[2] or 0))

    return _SLOT.sub(put, template)


def key_of(body: Body, envelope: dict[str, str], field: str | None) -> str | None:
    """What stands in a field of the body, or at a place that has no canonical field."""
    if field is None:
        return None
    value = envelope.get(field) if field in envelope else getattr(body, field, None)
    return None if value is None else str(value)


def label(mapping: Mapping) -> str:
    return f"{mapping.name}@{mapping.version}"


def _usable(
    ref: str | Path | None, wanted: str, writes: bool, path: str
) -> Generator[ConfigError, None, Mapping | None]:
    """Gives the mapping, where it can be read."""
    if ref is None:
        return None
    try:
        mapping = mapping_of(ref)
    except ConfigError as error:
        yield ConfigError(error.zh, error.en, path=path)
        return None
    if mapping.canonical_type != wanted:
        yield ConfigError(
            f"映射 {mapping.name} 的 canonical 为 {mapping.canonical_type}，此处需要 {wanted}",
            f"mapping {mapping.name} is for {mapping.canonical_type}, needed is {wanted}",
            path=path,
        )
    if mapping.direction not in ("both", "encode" if writes else "decode"):
        zh, en = ("写出", "write") if writes else ("读取", "read")
        yield ConfigError(f"映射 {mapping.name} 不能{zh}", f"mapping {mapping.name} cannot {en}", path=path)
    return mapping


def _envelope(mapping: Mapping | None, given: Table[str, str], path: str) -> Iterator[ConfigError]:
    """Every envelope line needs a value, and every value a line."""
    if mapping is None:
        return
    for name in sorted(set(mapping.envelope) ^ set(given)):
        zh, en = ("缺少", "lacks") if name in mapping.envelope else ("多余的", "has no line for")
        yield ConfigError(
            f"映射 {mapping.name}：{zh} envelope 值 {name}", f"mapping {mapping.name} {en} {name}", path=path
        )
    for name, template in given.items():
        yield from slots(template, f"{path}.{name}", _SLOTS - {"serial"})


def slots(template: str, path: str, known: frozenset[str]) -> Iterator[ConfigError]:
    """A problem where a template holds a slot that is not known there."""
    unknown = {match[1] for match in _SLOT.finditer(template)} - known
    if unknown or "{" in _SLOT.sub("", template):
        names = " ".join(f"{{{name}}}" for name in sorted(known))
        yield ConfigError(f"占位符只能是 {names}", f"slots may be {names}", path=path)
