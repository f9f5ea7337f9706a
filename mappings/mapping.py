"""A mapping, compiled: partner bytes or tree ↔ canonical body."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from gateway.canonical.money import fen_to_yuan
from gateway.canonical.registry import Body
from mappings import quick_json, quick_xml
from mappings.codec import Codec, Encode
from mappings.codec_json import JsonCodec, kept_text
from mappings.codec_xml import XmlCodec
from mappings.decoder import Decode, compile_decode
from mappings.definition import Total
from mappings.errors import DefinitionError, Fault, MappingError, Refused
from mappings.lint import examine, leaves
from mappings.plan import Plan
from mappings.report import Full, Report


class Mapping:
    """One format of one message type. Immutable; safe to share between threads.

    `elsewhere` names the canonical fields that are not in this part of the message: whoever decodes
    supplies them by name. `envelope` names the places that have no canonical field: whoever decodes reads
    them with `read_envelope`, whoever encodes supplies them.
    """

    def __init__(self, plan: Plan) -> None:
        definition = plan.definition
        self.plan = plan
        self.name = definition.name
        self.version = definition.version
        self.title = {"zh": definition.title_zh, "en": definition.title_en}
        self.canonical_type = definition.canonical
        self.direction = definition.direction
        self.elsewhere = tuple(plan.elsewhere)
        self.envelope = tuple(leaf.step for leaf in plan.envelope)
        self.file = definition.file
        self.codec: Codec = (
            XmlCodec(definition.codec) if definition.codec.kind == "xml" else JsonCodec(definition.codec)
        )
        self._decode: Decode | None = compile_decode(plan, self.codec, kept_text) if plan.decodes else None
        self._encode: Encode | None = self.codec.compile_encode(plan) if plan.encodes else None
        self._quick_read = _quick_reader(plan, self.codec)
        self._quick_write = quick_json.compile_write(plan) if plan.encodes and self.codec.typed else None
        self._labels = {x.attr: x for x in leaves(plan.items) if x.canonical == x.attr}
        #: Fields the format has not: a body with any other value in them cannot be written.
        self._assumed = tuple((name, value) for name, value in plan.assumed.items() if name not in plan.lost)

    def __repr__(self) -> str:
        return f"<Mapping {self.name}@{self.version}>"

    # In

    def decode(self, data: bytes, **elsewhere: Any) -> Body:
        """Partner bytes → canonical body.

        Raises:
            MappingError: the bytes are refused, with everything that is wrong with them up to a bound.
        """
        return self.decode_tree(self.parse(data), **elsewhere)

    def parse(self, data: bytes) -> Any:
        """Partner bytes → the tree `decode_tree` takes. Raises `MappingError`."""
        try:
            return self.codec.parse(data)
        except Refused as no:
            raise MappingError(self.name, (Fault("", "", "", no.rule, no.zh, no.en),)) from None

    def decode_tree(self, tree: Any, **elsewhere: Any) -> Body:
        """A parsed tree → canonical body: an lxml element, or objects as `parse_json` makes them.

        Raises:
            MappingError: as `decode`.
            TypeError: a value from elsewhere is missing or not one of `self.elsewhere`; the caller's error.
        """
        if self._decode is None:
            raise TypeError(f"{self.name} only encodes")
        body: Any = self.decode_plain(tree, **elsewhere)
        return cast(Body, body) if body is not None else self._decode_carefully(tree, elsewhere)

    def decode_plain(self, tree: Any, **elsewhere: Any) -> Body | None:
        """`decode_tree` for a tree as nearly all are: in normal form or close to it, without any fault.

        None for every other tree, good or bad: `decode_tree` decides. What is not None is valid by the XML
        Schema of this mapping.
        """
        if self._quick_read is None:
            return None
        try:
            return cast(Body, self._quick_read(tree, elsewhere))
        except Exception:  # whatever it is, the careful way meets it again and says what
            return None

    def _decode_carefully(self, tree: Any, elsewhere: dict[str, Any]) -> Body:
        """With everything that is wrong."""
        assert self._decode is not None
        report = Report(self.name)
        body: Any = None
        try:
            self._supplied(elsewhere, report)
            self.codec.check(tree, report)
            body = self._decode(tree, report, elsewhere)
            if body is not None and self.plan.totals:
                self._totals(body, report)
        except Full:
            pass
        if report.faults:
            raise report.error()
        return cast(Body, body)

    def _supplied(self, elsewhere: dict[str, Any], report: Report) -> None:
        fields = self.plan.elsewhere
        for name, target in fields.items():
            if name in elsewhere:
                try:
                    target.check(elsewhere[name])
                except Refused as no:
                    report.body(name, no.rule, no.zh, no.en)
            elif target.required:
                raise TypeError(f"{self.name} needs {name} from elsewhere")
        if not elsewhere.keys() <= fields.keys():
            raise TypeError(f"{self.name} takes from elsewhere only {', '.join(fields)}")

    def read_envelope(self, tree: Any) -> dict[str, str]:
        """The texts of the envelope places that are there.

        Raises:
            MappingError: a required one is missing, or one is refused.
        """
        report: Report | None = None
        values: dict[str, str] = {}
        for leaf in self.plan.envelope:
            text = self.codec.pick(tree, leaf.path)
            if text is None or text == "":
                if leaf.required:
                    report = report or Report(self.name)
                    report.missing(leaf, None)
                continue
            try:
                values[leaf.step] = leaf.lens.read(
                    text if isinstance(text, str) else self.codec.text(text, False)
                )
            except Refused as no:
                report = report or Report(self.name)
                report.refused(leaf, None, no, text)
        if report is not None:
            raise report.error()
        return values

    # Out

    def encode(self, body: Struct, envelope: dict[str, str] | None = None) -> bytes:
        """Canonical body → partner bytes in the mapping's normal form.

        Raises:
            MappingError: the body holds something this format cannot say.
            TypeError: not the body of `canonical_type`; the caller's error.
        """
        return self.codec.serialise(self.encode_tree(body, envelope))

    def encode_tree(self, body: Struct, envelope: dict[str, str] | None = None) -> Any:
        """Canonical body → what goes into the partner's message: bytes of an XML element, or objects."""
        if self._encode is None:
            raise TypeError(f"{self.name} only decodes")
        if type(body) is not self.plan.struct:
            raise TypeError(f"{self.name} encodes {self.plan.struct.__name__}, not {type(body).__name__}")
        report = Report(self.name)
        tree: Any = None
        try:
            for name, value in self._assumed:
                if getattr(body, name) != value:
                    report.body(
                        name, "assumed", "此格式不能表示该字段的值", "the format cannot say this value"
                    )
            if self.plan.totals:
                self._totals(body, report)
            tree = self._encode(body, report, envelope or {})
        except Full:
            pass
        if report.faults:
            raise report.error()
        return tree

    def encode_raw(self, body: Struct, envelope: dict[str, str] | None = None) -> dict[str, Any]:
        """JSON only: `encode_tree`, with `msgspec.Raw` for what is written already.

        The object's own keys and the elements of groups at the top stay apart, so that an adapter can put
        them together otherwise; encoded as JSON, they are the same bytes as those of `encode_tree`.

        Raises:
            MappingError, TypeError: as `encode_tree`.
        """
        if self._quick_write is not None and type(body) is self.plan.struct:
            try:
                return self._quick_write(body, envelope or {})
            except Exception:  # noqa: S110 - whatever it is, the careful way meets it again and says what
                pass
        return cast(dict[str, Any], self.encode_tree(body, envelope))

    def _totals(self, body: Any, report: Report) -> None:
        for total in self.plan.totals:
            expected = _expected(total, body)
            found = getattr(body, total.field)
            if expected is not None and found != expected:
                leaf = self._labels.get(total.field)
                parts = " + ".join(total.equals) or f"Σ {total.sum_of}"
                yuan, sums = fen_to_yuan(found), fen_to_yuan(expected)
                zh = f"合计不符:{yuan} 元,应等于 {parts} = {sums} 元"
                en = f"total {yuan} differs from {parts} = {sums}"
                report.body(
                    total.field, "total", zh, en, leaf.path if leaf else "", leaf.name if leaf else ""
                )


def _quick_reader(plan: Plan, codec: Codec) -> quick_xml.Read | None:
    if not plan.decodes:
        return None
    return (
        quick_json.compile_read(plan, codec, kept_text)
        if codec.typed
        else quick_xml.compile_read(plan, codec)
    )


def _expected(total: Total, body: Any) -> int | None:
    """What the total should be; None where there is nothing to add up and that is allowed."""
    if total.equals:
        return sum([getattr(body, name) or 0 for name in total.equals])
    rows, _, column = total.sum_of.partition(".")
    lines = getattr(body, rows)
    return None if total.when_present and not lines else sum([getattr(r, column) or 0 for r in lines])


def load(path: Path | str) -> Mapping:
    """The mapping in a file.

    Raises:
        DefinitionError: the file has errors; all of them, with their lines.
    """
    plan, problems = examine(Path(path))
    errors = tuple(p for p in problems if p.level == "error")
    if plan is None or errors:
        raise DefinitionError(errors)
    return Mapping(plan)
