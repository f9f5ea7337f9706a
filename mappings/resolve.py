"""Definition → plan: every line is tied to its canonical field, and what does not fit becomes a problem."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from msgspec import Struct

from gateway.canonical.registry import BODIES
from mappings.codecs import kinds
from mappings.definition import Definition, FieldLine, GroupLine, InsideLine, Line, Total
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import nearest
from mappings.lens import Lens
from mappings.lenses import BlankLens, ConstLens, ConvertLens, TextLens
from mappings.places import Scope, rooted
from mappings.plan import Document, Inside, Leaf, Plan, Repeat, Role, leaves, rows
from mappings.shape import KIND_ZH, Field, fields_of
from mappings.sums import Sum
from mappings.syntax import BadLens, lens

_KEEP = re.compile(r"keep\((\w+)\)")


def resolve(reader: Reader, definition: Definition) -> Plan | None:
    """The plan of a definition; problems go to the reader. None without a canonical type to plan for."""
    struct = BODIES.get(definition.canonical)
    if struct is None:
        hint = nearest(definition.canonical, tuple(BODIES))
        reader.problem(
            definition.at("canonical"),
            "canonical",
            "没有这种标准消息类型",
            "no such canonical message type",
            hint,
        )
        return None
    return _Resolver(reader, definition, struct).run()


class _Resolver:
    def __init__(self, reader: Reader, definition: Definition, struct: type[Struct]) -> None:
        self.reader = reader
        self.definition = definition
        unknown = "keep" if _KEEP.fullmatch(definition.unknown) else definition.unknown
        document = Document(definition.codec, unknown, definition.empty)
        self.plan = Plan(definition, struct, document, totals=definition.totals)
        self.fields = fields_of(struct)

    def run(self) -> Plan:
        plan = self.plan
        scope = rooted(Scope(self.reader, plan.document, plan.items, plan.struct))
        for line in self.definition.fields:
            self._line(scope, line)
        for name in self.definition.elsewhere:
            target = self._field(self.fields, name, self.definition.at("elsewhere"), "elsewhere")
            if target is not None:
                plan.elsewhere[name] = target
        self._unknown()
        self._assumed()
        self._lossy(scope)
        return plan

    def _line(self, scope: Scope, line: Line) -> None:
        if isinstance(line, GroupLine):
            self._group(scope, line)
        elif isinstance(line, InsideLine):
            self._inside(scope, line)
        elif steps := scope.steps(line.at, line.line):
            leaf = self._leaf(scope, steps, line)
            if leaf is not None:
                scope.place(steps, leaf)
                self._also(scope, line, leaf)

    def _group(self, scope: Scope, line: GroupLine) -> None:
        target = self._field(fields_of(scope.struct), line.to, line.line, f"{scope.base}{line.each}")
        steps = scope.steps(line.each, line.line)
        if target is None or not steps:
            return
        if target.kind != "rows" or target.struct is None:
            zh, en = f"标准字段 {line.to} 不是明细", f"canonical field {line.to} holds no rows"
            self.reader.problem(line.line, line.each, zh, en)
            return
        path = scope.full(line.each)
        whole = (*scope.around, *steps)
        repeat = Repeat(steps[-1], path, line.line, whole, line.to, target.struct, line.limit, line.name)
        if not line.fields:
            self.reader.problem(line.line, line.each, "明细没有字段", "the rows have no fields")
        for inner in line.fields:
            self._line(scope.rows(repeat), inner)
        scope.place(steps, repeat)

    def _inside(self, scope: Scope, line: InsideLine) -> None:
        steps = scope.steps(line.at, line.line)
        if not steps:
            return
        if kinds.find(line.codec.kind).binary:
            zh, en = f"{line.codec.kind} 只能是整个文件", f"{line.codec.kind} is a whole file, never inside"
            self.reader.problem(line.line, line.at, zh, en)
        # What is unknown in there cannot be put back: only the message itself keeps.
        unknown = "reject" if scope.document.unknown == "keep" else scope.document.unknown
        document = Document(line.codec, unknown, scope.document.empty)
        whole = (*scope.around, *steps)
        path = scope.full(line.at)
        inner = Inside(steps[-1], path, line.line, whole, document, line.required, line.name, line.extra)
        within = scope.inside(inner)
        for part in line.fields:
            self._line(within, part)
        if not line.fields:
            self.reader.problem(line.line, line.at, "内层报文没有字段", "the document inside has no fields")
        if not line.required and any(_demanded(leaf) for leaf in leaves(document.items)):
            zh, en = "内含必填的标准字段,此处不能选填", "holds a required canonical field"
            self.reader.problem(line.line, line.at, zh, en, "required: true")
        scope.place(steps, inner)

    def _also(self, scope: Scope, line: FieldLine, leaf: Leaf) -> None:
        for path in line.also:
            steps = scope.steps(path, line.line)
            if steps:
                whole = (*scope.around, *steps)
                other = replace(
                    leaf,
                    step=steps[-1],
                    path=scope.full(path),
                    steps=whole,
                    role="also",
                    required=False,
                    also=[],
                )
                scope.place(steps, other)
                leaf.also.append(other)

    # Leaves

    def _leaf(self, scope: Scope, steps: list[str], line: FieldLine) -> Leaf | None:
        role, owner, attr = self._role(line, scope.struct, scope.parent)
        target = None
        if role in ("field", "parent"):
            if owner is None:
                self.reader.problem(
                    line.line, line.at, "只有明细内才有 parent", "`parent` exists only within rows"
                )
                return None
            target = self._field(fields_of(owner), attr, line.line, line.at)
            if target is None:
                return None
        bound = self._lens(scope, line, target)
        if bound is None or not self._fits(scope, line, role, bound, target):
            return None
        if line.required is None:
            required = target.required if target is not None else not isinstance(bound, BlankLens)
        else:
            required = line.required
        if target is not None and target.required and not required:
            zh, en = f"标准字段 {attr} 必填,此处不能选填", f"canonical field {attr} is required"
            self.reader.problem(line.line, line.at, zh, en, "required: true")
        personal = target is not None and target.personal if line.personal is None else line.personal
        canonical = "" if target is None else attr if role == "parent" else scope.base + attr
        leaf = Leaf(
            step=steps[-1],
            path=scope.full(line.at),
            role=role,
            line=line.line,
            lens=bound,
            steps=(*scope.around, *steps),
            attr=attr,
            canonical=canonical,
            target=target,
            required=required,
            name=line.name,
            personal=personal,
            sum=line.sum,
            extra=line.extra,
        )
        if role == "field" and line.sum is not None:
            self.plan.totals += (Total(attr, (), line.sum, when_present=False, line=line.line),)
        if role == "envelope":
            self.plan.envelope.append((scope.insides, leaf))
        return leaf

    def _role(
        self, line: FieldLine, struct: type[Struct], parent: type[Struct] | None
    ) -> tuple[Role, type[Struct] | None, str]:
        if line.envelope:
            return "envelope", None, ""
        if not line.to and line.sum is not None:
            return "control", None, ""
        if not line.to:
            counted = parent is not None and line.lens.startswith("sequence")
            return "sequence" if counted else "const", None, ""
        if line.to.startswith("parent."):
            return "parent", parent, line.to.removeprefix("parent.")
        return "field", struct, line.to

    def _lens(self, scope: Scope, line: FieldLine, target: Field | None) -> Lens | None:
        options, tables = scope.document.options, self.reader.tables
        try:
            return lens(
                line.lens,
                target,
                line.open,
                tables,
                options.charset,
                line.truncate,
                line.substitutes,
                options.reserved,
            )
        except BadLens as bad:
            self.reader.problem(line.line, line.at, bad.zh, bad.en, bad.suggestion)
            return None

    def _fits(self, scope: Scope, line: FieldLine, role: Role, bound: Lens, target: Field | None) -> bool:
        if role == "const" and not isinstance(bound, ConstLens):
            zh = "没有 to 的行只能是 const(…)、blank、明细的 sequence、合计或 envelope"
            en = "a line without `to` is const(…), blank, sequence in rows, a control total or envelope"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        if role == "envelope" and (line.to or not isinstance(bound, TextLens)):
            zh, en = "信封字段只用 text(…),没有 to", "an envelope field is text(…) without `to`"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        if role == "control" and line.sum is not None:
            wanted = "money" if line.sum.column else "int"
            return self._control(scope, line, line.sum, wanted in bound.kinds)
        if target is None:
            return True
        fitting = {bound.converter.kind} if isinstance(bound, ConvertLens) else bound.kinds
        if target.kind not in fitting:
            zh = f"类型 {line.lens} 不能对应{KIND_ZH[target.kind]}字段 {target.name}"
            en = f"{line.lens} does not fit the {target.kind} field {target.name}"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        return True

    def _control(self, scope: Scope, line: FieldLine, added: Sum, fitting: bool) -> bool:
        if not fitting:
            zh, en = "合计用 money,笔数用 int", "amounts are money, counts are int"
            self.reader.problem(line.line, line.at, zh, en)
        elif not added.fits(fields_of(scope.struct)):
            zh, en = f"“{added}”不是明细的金额或笔数", f"{str(added)!r} is no {added.en}"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        return fitting

    def _field(self, fields: Iterable[str], name: str, line: int, path: str) -> Field | None:
        found = fields.get(name) if isinstance(fields, dict) else None
        if found is None:
            hint = nearest(name, tuple(fields))
            zh, en = f"标准消息没有字段“{name}”", f"the canonical body has no field {name!r}"
            self.reader.problem(line, path, zh, en, hint)
            return None
        assert isinstance(found, Field)
        return found

    # What is not mapped

    def _unknown(self) -> None:
        unknown, line = self.definition.unknown, self.definition.at("unknown")
        match = _KEEP.fullmatch(unknown)
        if match is None:
            if unknown not in ("reject", "ignore"):
                zh, en = (
                    "应为 reject、ignore 或 keep(标准字段)",
                    "must be reject, ignore or keep(canonical field)",
                )
                self.reader.problem(line, "unknown", zh, en)
            return
        kind = self.definition.codec.kind
        if not kinds.find(kind).keeps:
            zh, en = f"{kind} 不能保留未知字段", f"{kind} cannot keep unknown fields"
            self.reader.problem(line, "unknown", zh, en)
        target = self._field(self.fields, match[1], line, "unknown")
        if target is not None and target.kind == "text" and target.nullable:
            self.plan.keep = match[1]
        elif target is not None:
            zh, en = f"{match[1]} 不是可空的文本字段", f"{match[1]} is no optional text"
            self.reader.problem(line, "unknown", zh, en)

    def _assumed(self) -> None:
        groups = {path: group for path, group in rows(self.plan.items) if "." not in path}
        for line in self.definition.assumed:
            path, _, name = line.to.rpartition(".")
            group = groups.get(path)
            fields = self.fields if not path else {} if group is None else fields_of(group.struct)
            assumed = self.plan.assumed if group is None else group.assumed
            target = self._field(fields, name, line.line, f"assumed.{line.to}")
            if target is None:
                continue
            if line.value is None:
                if target.required:
                    zh, en = f"{line.to} 没有缺省值,需写明 value", f"{line.to} has no default: give a value"
                    self.reader.problem(line.line, line.to, zh, en)
                assumed[name] = target.default
                continue
            try:
                assumed[name] = lens(line.lens, target, tables=self.reader.tables).read(line.value)
            except (BadLens, Refused) as bad:
                self.reader.problem(line.line, line.to, bad.zh, bad.en)

    def _lossy(self, scope: Scope) -> None:
        for line in self.definition.lossy:
            if line.to:
                self.plan.lost.add(line.to)
            if line.to or line.at == "*":
                continue
            steps = scope.steps(line.at, line.line)
            if steps:
                scope.place(steps, Leaf(steps[-1], line.at, "skip", line.line, TextLens(1)))


def _demanded(leaf: Leaf) -> bool:
    """Whether a field of the body itself cannot do without this leaf."""
    return leaf.canonical == leaf.attr and leaf.target is not None and leaf.target.required
