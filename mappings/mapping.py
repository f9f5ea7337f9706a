"""A mapping, compiled: partner bytes or tree ↔ canonical body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, cast

from msgspec import Struct

from gateway.canonical.registry import Body
from mappings.checks import Checks
from mappings.codecs.codec import Codec, Write, made
from mappings.codecs.kept import kept_text, kept_tree
from mappings.decoder import Decode, compile_decode
from mappings.errors import DefinitionError, Fault, MappingError, Refused
from mappings.lint import examine
from mappings.plan import Inside, Plan
from mappings.report import Full, Report
from mappings.stream import RefusedRow, Rows


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
        self.envelope = tuple(leaf.short for _, leaf in plan.envelope)
        self.file = definition.file
        self.codec = made(plan.document)
        self._decode: Decode | None = compile_decode(plan, self.codec, kept_text) if plan.decodes else None
        self._write: Write | None = self.codec.writer(plan.document, self.name) if plan.encodes else None
        self._quick_read = self.codec.quick_read(plan) if plan.decodes else None
        self._quick_write = self.codec.quick_write(plan) if plan.encodes else None
        self._inside: dict[int, Codec] = {
            id(inside): made(inside.document) for around, _ in plan.envelope for inside in around
        }
        self._checks = Checks(plan)
        self._streams = self.codec.streams(plan)

    def __repr__(self) -> str:
        return f"<Mapping {self.name}@{self.version}>"

    @property
    def streams(self) -> bool:
        """A format of rows: `read` and `write` take files of any size."""
        return self._streams is not None

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
            self._checks.supplied(elsewhere, report)
            self.codec.check(tree, report)
            body = self._decode(tree, report, elsewhere)
            if not report.faults:
                self._checks.body(body, self._checks.tally(body), report)
                self._checks.rows(body, report)
        except Full:
            pass
        if report.faults:
            raise report.error()
        return cast(Body, body)

    def read(
        self,
        stream: IO[bytes],
        refused: Callable[[RefusedRow], None] | None = None,
        *,
        block: int = 1 << 18,
        **elsewhere: Any,
    ) -> Rows:
        """The rows of a file, one by one, in constant memory. What concerns a row alone never ends the reading.

        Args:
            stream: binary, read from where it stands.
            refused: is told of every row that is left out.
            block: bytes to read at once.

        Raises:
            MappingError: what stands before the rows is refused; while iterating, what concerns the whole file.
            TypeError: not a format of rows, or the caller's error as with `decode`.
        """
        if self._streams is None or self._decode is None:
            raise TypeError(f"{self.name} cannot be read as a stream")
        return self._streams.read(stream, refused, elsewhere, block)

    def read_envelope(self, tree: Any) -> dict[str, str]:
        """The texts of the envelope places that are there.

        Raises:
            MappingError: a required one is missing, or one is refused.
        """
        report: Report | None = None
        values: dict[str, str] = {}
        for around, leaf in self.plan.envelope:
            text = None
            try:
                codec, inner = self._document(tree, around)
                text = codec.pick(inner, leaf.steps) if inner is not None else None
                if text is not None and text != "":
                    read = text if isinstance(text, str) else codec.text(text, False)
                    values[leaf.short] = leaf.lens.read(read)
                elif leaf.required:
                    report = report or Report(self.name)
                    report.missing(leaf, None)
            except Refused as no:
                report = report or Report(self.name)
                report.refused(leaf, None, no, text)
        if report is not None:
            raise report.error()
        return values

    def _document(self, tree: Any, around: tuple[Inside, ...]) -> tuple[Codec, Any]:
        """The codec and the tree of a document inside this one. Raises `Refused` where it is none."""
        codec = self.codec
        for inside in around:
            text = codec.pick(tree, inside.steps) if tree is not None else None
            codec = self._inside[id(inside)]
            tree = None if text is None or text == "" else codec.parse_any(text)
        return codec, tree

    # Out

    def encode(self, body: Struct, envelope: dict[str, str] | None = None) -> bytes:
        """Canonical body → partner bytes in the mapping's normal form.

        Raises:
            MappingError: the body holds something this format cannot say.
            TypeError: not the body of `canonical_type`; the caller's error.
        """
        try:
            return self.codec.serialise(self.encode_tree(body, envelope))
        except Refused as no:
            raise MappingError(self.name, (Fault("", "", "", no.rule, no.zh, no.en),)) from None

    def encode_tree(self, body: Struct, envelope: dict[str, str] | None = None) -> Any:
        """Canonical body → what goes into the partner's message: bytes of an XML element, or objects."""
        if self._write is None:
            raise TypeError(f"{self.name} only decodes")
        if type(body) is not self.plan.struct:
            raise TypeError(f"{self.name} encodes {self.plan.struct.__name__}, not {type(body).__name__}")
        report = Report(self.name)
        tree: Any = None
        try:
            self._checks.assumed(body, report)
            tally = self._checks.tally(body)
            self._checks.body(body, tally, report)
            self._checks.rows(body, report)
            tree = self._write(body, None, report, None, envelope or {})
            if self.plan.keep and not report.faults:
                tree = self._restored(tree, body, report)
        except Full:
            pass
        if report.faults:
            raise report.error()
        return tree

    def write(
        self, stream: IO[bytes], body: Struct, rows: Iterable[Any], envelope: dict[str, str] | None = None
    ) -> None:
        """A file of rows, in constant memory. Where lines stand before the rows, rows wait in a temporary file.

        Args:
            body: without rows.

        Raises:
            MappingError: something cannot be said; what was written by then is no whole file.
            TypeError: not a format of rows, or not the body of `canonical_type`.
        """
        if self._streams is None or self._write is None:
            raise TypeError(f"{self.name} cannot be written as a stream")
        if type(body) is not self.plan.struct:
            raise TypeError(f"{self.name} encodes {self.plan.struct.__name__}, not {type(body).__name__}")
        self._streams.write(stream, body, rows, envelope or {})

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

    def _restored(self, tree: Any, body: Struct, report: Report) -> Any:
        """With what the mapping does not know put back where it stood."""
        text = getattr(body, self.plan.keep)
        try:
            return tree if text is None else self.codec.restore(tree, kept_tree(text))
        except Refused as no:
            report.body(self.plan.keep, no.rule, no.zh, no.en)


def load(path: Path | str, tables: tuple[Path, ...] | None = None) -> Mapping:
    """The mapping in a file.

    Args:
        tables: the folders of code tables; else `codes` beside the file, and the shipped ones.

    Raises:
        DefinitionError: the file has errors; all of them, with their lines.
    """
    plan, problems = examine(Path(path), tables)
    errors = tuple(p for p in problems if p.level == "error")
    if plan is None or errors:
        raise DefinitionError(errors)
    return Mapping(plan)
