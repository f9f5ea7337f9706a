"""Definition → plan: every line is tied to its canonical field, and what does not fit becomes a problem."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from gateway.canonical.registry import BODIES
from mappings.definition import Definition, FieldLine, GroupLine, nearest
from mappings.document import Reader
from mappings.errors import Refused
from mappings.lens import Lens
from mappings.lenses import ConstLens, ConvertLens, TextLens
from mappings.plan import Branch, Item, Leaf, Plan, Repeat, Role
from mappings.shape import KIND_ZH, Field, fields_of
from mappings.syntax import BadLens, lens

_KEEP = re.compile(r"keep\((\w+)\)")
_XML_STEP = re.compile(r"(?:([A-Za-z_][\w.-]*):)?[A-Za-z_][\w.-]*", re.ASCII)


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
        self.plan = Plan(definition, struct, totals=definition.totals)
        self.fields = fields_of(struct)
        self.prefixes = dict(definition.codec.namespaces)

    def run(self) -> Plan:
        self._codec()
        for line in self.definition.fields:
            self._line(self._base(), "", line, self.plan.struct, None)
        for name in self.definition.elsewhere:
            target = self._field(self.fields, name, self.definition.at("elsewhere"), "elsewhere")
            if target is not None:
                self.plan.elsewhere[name] = target
        self._unknown()
        self._assumed()
        self._lossy()
        return self.plan

    def _base(self) -> list[Item]:
        """Where paths start: a JSON root key is a branch around everything, an XML root is the tree itself."""
        codec = self.definition.codec
        if codec.kind != "json" or not codec.root:
            return self.plan.items
        if not self.plan.items:
            self.plan.items.append(Branch(codec.root, codec.root, codec.line))
        root = self.plan.items[0]
        assert isinstance(root, Branch)
        return root.items

    def _codec(self) -> None:
        codec = self.definition.codec
        if codec.kind == "xml" and _XML_STEP.fullmatch(codec.root) is None:
            self.reader.problem(
                codec.line, "codec.root", "XML 需要根元素名", "XML needs the root element's name"
            )
        if codec.kind == "json" and (codec.namespace or codec.namespaces):
            self.reader.problem(codec.line, "codec", "JSON 没有命名空间", "JSON has no namespaces")
        for prefix, uri in codec.namespaces:
            if not uri or not prefix or prefix.startswith("xml"):
                zh, en = f"命名空间前缀“{prefix}”无效", f"invalid namespace prefix {prefix!r}"
                self.reader.problem(codec.line, "codec.namespaces", zh, en)

    # Paths

    def _line(
        self,
        items: list[Item],
        base: str,
        line: FieldLine | GroupLine,
        struct: type[Struct],
        parent: type[Struct] | None,
    ) -> None:
        if isinstance(line, GroupLine):
            self._group(items, base, line, struct)
            return
        steps = self._steps(line.at, line.line)
        if steps:
            leaf = self._leaf(steps, base, line, struct, parent)
            if leaf is not None:
                self._place(items, steps, leaf, line.line)

    def _group(self, items: list[Item], base: str, line: GroupLine, struct: type[Struct]) -> None:
        target = self._field(fields_of(struct), line.to, line.line, f"{base}{line.each}")
        steps = self._steps(line.each, line.line)
        if target is None or not steps:
            return
        if target.struct is None:
            zh, en = f"标准字段 {line.to} 不是明细", f"canonical field {line.to} holds no rows"
            self.reader.problem(line.line, line.each, zh, en)
            return
        repeat = Repeat(steps[-1], line.each, line.line, line.to, target.struct, line.limit, line.name)
        if not line.fields:
            self.reader.problem(line.line, line.each, "明细没有字段", "the rows have no fields")
        for inner in line.fields:
            self._line(repeat.items, f"{base}{line.to}.", inner, target.struct, struct)
        self._place(items, steps, repeat, line.line)

    def _steps(self, path: str, line: int) -> list[str]:
        steps = path.split("/")
        for step in steps:
            match = _XML_STEP.fullmatch(step) if self.definition.codec.kind == "xml" else None
            if match is None and (self.definition.codec.kind == "xml" or not step):
                self.reader.problem(line, path, "路径写法无效", "invalid path", "a/b/c")
                return []
            if match is not None and match[1] is not None and match[1] not in self.prefixes:
                hint = nearest(match[1], tuple(self.prefixes)) or "codec.namespaces"
                zh, en = f"没有声明命名空间前缀“{match[1]}”", f"namespace prefix {match[1]!r} is not declared"
                self.reader.problem(line, path, zh, en, hint)
                return []
        return steps

    def _place(self, items: list[Item], steps: list[str], item: Leaf | Repeat, line: int) -> None:
        for depth, step in enumerate(steps[:-1], 1):
            found = next((i for i in items if i.step == step), None)
            if found is None:
                found = Branch(step, "/".join(steps[:depth]), line)
                items.append(found)
            if not isinstance(found, Branch):
                self._unreachable(item, found)
                return
            items = found.items
        clash = next((i for i in items if i.step == steps[-1]), None)
        if clash is not None:
            self._unreachable(item, clash)
        else:
            items.append(item)

    def _unreachable(self, item: Item, first: Item) -> None:
        zh = f"永远读不到这一行:第 {first.line} 行已使用同一位置"
        en = f"this line is never reached: line {first.line} takes the same place"
        self.reader.problem(item.line, item.path, zh, en)

    # Leaves

    def _leaf(
        self, steps: list[str], base: str, line: FieldLine, struct: type[Struct], parent: type[Struct] | None
    ) -> Leaf | None:
        role, owner, attr = self._role(line, struct, parent)
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
        bound = self._lens(line, target)
        if bound is None or not self._fits(line, role, bound, target):
            return None
        required = line.required if line.required is not None else target is None or target.required
        if target is not None and target.required and not required:
            zh, en = f"标准字段 {attr} 必填,此处不能选填", f"canonical field {attr} is required"
            self.reader.problem(line.line, line.at, zh, en, "required: true")
        personal = target is not None and target.personal if line.personal is None else line.personal
        canonical = "" if target is None else attr if role == "parent" else base + attr
        leaf = Leaf(
            steps[-1], line.at, role, line.line, bound, attr, canonical, target, required, line.name, personal
        )
        if role == "envelope":
            self.plan.envelope.append(leaf)
        return leaf

    def _role(
        self, line: FieldLine, struct: type[Struct], parent: type[Struct] | None
    ) -> tuple[Role, type[Struct] | None, str]:
        if line.envelope:
            return "envelope", None, ""
        if not line.to:
            return "const", None, ""
        if line.to.startswith("parent."):
            return "parent", parent, line.to.removeprefix("parent.")
        return "field", struct, line.to

    def _lens(self, line: FieldLine, target: Field | None) -> Lens | None:
        try:
            return lens(line.lens, target, line.open)
        except BadLens as bad:
            self.reader.problem(line.line, line.at, bad.zh, bad.en, bad.suggestion)
            return None

    def _fits(self, line: FieldLine, role: Role, bound: Lens, target: Field | None) -> bool:
        if role == "const" and not isinstance(bound, ConstLens):
            zh, en = "没有 to 的行只能是 const(…) 或 envelope", "a line without `to` is const(…) or envelope"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        if role == "envelope" and (line.to or not isinstance(bound, TextLens)):
            zh, en = "信封字段只用 text(…),没有 to", "an envelope field is text(…) without `to`"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        if target is None:
            return True
        kinds = {bound.converter.kind} if isinstance(bound, ConvertLens) else bound.kinds
        if target.kind not in kinds:
            zh = f"类型 {line.lens} 不能对应{KIND_ZH[target.kind]}字段 {target.name}"
            en = f"{line.lens} does not fit the {target.kind} field {target.name}"
            self.reader.problem(line.line, line.at, zh, en)
            return False
        return True

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
        if self.definition.codec.kind != "json":
            zh, en = "只有 JSON 能保留未知字段", "only JSON can keep unknown fields"
            self.reader.problem(line, "unknown", zh, en)
        target = self._field(self.fields, match[1], line, "unknown")
        if target is not None and target.kind == "text" and target.nullable:
            self.plan.keep = match[1]
        elif target is not None:
            zh, en = f"{match[1]} 不是可空的文本字段", f"{match[1]} is no optional text"
            self.reader.problem(line, "unknown", zh, en)

    def _assumed(self) -> None:
        for line in self.definition.assumed:
            target = self._field(self.fields, line.to, line.line, f"assumed.{line.to}")
            if target is None:
                continue
            if line.value is None:
                if target.required:
                    zh, en = f"{line.to} 没有缺省值,需写明 value", f"{line.to} has no default: give a value"
                    self.reader.problem(line.line, line.to, zh, en)
                self.plan.assumed[line.to] = target.default
                continue
            try:
                self.plan.assumed[line.to] = lens(line.lens, target).read(line.value)
            except (BadLens, Refused) as bad:
                self.reader.problem(line.line, line.to, bad.zh, bad.en)

    def _lossy(self) -> None:
        for line in self.definition.lossy:
            if line.to:
                self.plan.lost.add(line.to)
            if line.to or line.at == "*":
                continue
            steps = self._steps(line.at, line.line)
            if steps:
                leaf = Leaf(steps[-1], line.at, "skip", line.line, TextLens(1))
                self._place(self._base(), steps, leaf, line.line)
