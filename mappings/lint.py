"""Lint: everything that is wrong with a mapping file, before anything runs, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from mappings import codes
from mappings.codecs import kinds
from mappings.definition import Definition, read
from mappings.document import Reader
from mappings.errors import Problem
from mappings.lenses import CodeLens, TextLens
from mappings.lenses_numbers import DecimalLens
from mappings.lenses_times import TimeLens
from mappings.plan import Leaf, Plan, Repeat, documents, leaves, rows
from mappings.resolve import resolve
from mappings.shape import KIND_ZH, Field, fields_of

Fields: TypeAlias = Mapping[str, Field]


def lint(path: Path | str, tables: tuple[Path, ...] | None = None) -> list[Problem]:
    """The problems of one mapping file, by line. Empty: it will load (notes do not keep it from loading).

    Args:
        tables: the folders of code tables; else `codes` beside the file, and the shipped ones.
    """
    return examine(Path(path), tables)[1]


def examine(path: Path, tables: tuple[Path, ...] | None = None) -> tuple[Plan | None, list[Problem]]:
    """The plan of a file as far as there is one, and all its problems."""
    reader = Reader(path, tables or (path.parent / "codes", codes.FOLDER))
    definition = read(reader)
    plan = resolve(reader, definition) if definition is not None else None
    if definition is not None and plan is not None:
        _check(reader, definition, plan)
    return plan, sorted(set(reader.problems), key=lambda p: (p.line, p.path))


def _check(reader: Reader, definition: Definition, plan: Plan) -> None:
    _targets(reader, definition, plan)
    for leaf in leaves(plan.items):
        _leaf(reader, plan, leaf)
    _totals(reader, plan)
    for document in documents(plan.document):
        kinds.find(document.options.kind).lint(reader, document)
    if definition.unknown == "ignore" and plan.decodes and not any(n.at == "*" for n in definition.lossy):
        zh, en = "忽略未知字段会丢失内容,须声明", "ignoring unknown fields loses them: declare it"
        reader.problem(definition.at("unknown"), "unknown", zh, en, 'lossy: [{at: "*", why: …}]')


# Is every canonical field spoken for, and only once?


def _targets(reader: Reader, definition: Definition, plan: Plan) -> None:
    seen: dict[str, int] = {}
    for name, line in _claims(definition, plan):
        if name in seen:
            zh = f"标准字段 {name} 重复:第 {seen[name]} 行已对应"
            reader.problem(line, name, zh, f"canonical field {name} is taken by line {seen[name]} already")
        seen.setdefault(name, line)
    _missing(reader, plan, fields_of(plan.struct), "", seen)
    groups = dict(rows(plan.items))
    for path, repeat in groups.items():
        _missing(reader, plan, fields_of(repeat.struct), f"{path}.", seen)
    known = {*fields_of(plan.struct), *(f"{p}.{f}" for p, r in groups.items() for f in fields_of(r.struct))}
    for loss in definition.lossy:
        if plan.decodes and loss.to in _required(plan, groups) and seen.get(loss.to) == loss.line:
            zh = f"标准必填字段 {loss.to} 不能放弃:读入时没有值"
            en = f"the required canonical field {loss.to} cannot be lost: reading would have no value for it"
            reader.problem(loss.line, loss.to, zh, en, "fields / elsewhere / assumed / direction: encode")
        if loss.to and loss.to not in known:
            reader.problem(
                loss.line, loss.to, f"标准消息没有字段“{loss.to}”", f"no canonical field {loss.to!r}"
            )


def _required(plan: Plan, groups: Mapping[str, Repeat]) -> set[str]:
    structs = {"": plan.struct, **{f"{path}.": repeat.struct for path, repeat in groups.items()}}
    return {f"{base}{f.name}" for base, of in structs.items() for f in fields_of(of).values() if f.required}


def _claims(definition: Definition, plan: Plan) -> Iterator[tuple[str, int]]:
    for leaf in leaves(plan.items):
        if leaf.role == "field":
            yield leaf.canonical, leaf.line
    for path, repeat in rows(plan.items):
        yield path, repeat.line
    for name in plan.elsewhere:
        yield name, definition.at("elsewhere")
    if plan.keep:
        yield plan.keep, definition.at("unknown")
    yield from ((part.to, part.line) for part in definition.assumed)
    # What is only truncated or substituted has its line as well.
    cut = {x.canonical for x in leaves(plan.items) if isinstance(x.lens, TextLens) and x.lens.lossy}
    yield from ((part.to, part.line) for part in definition.lossy if part.to and part.to not in cut)


def _missing(reader: Reader, plan: Plan, fields: Fields, base: str, seen: dict[str, int]) -> None:
    for target in fields.values():
        name = base + target.name
        # A mapping that only writes may leave out what its format has no place for, and one that only
        # reads may leave optional fields at their defaults; in both directions nothing vanishes unsaid.
        if name in seen or not plan.decodes or (not plan.encodes and not target.required):
            continue
        zh = f"没有对应标准{'必填' if target.required else '选填'}字段 {name}"
        en = f"the {'required' if target.required else 'optional'} canonical field {name} is not mapped"
        reader.problem(plan.definition.at("fields"), name, zh, en, "fields / elsewhere / assumed / lossy")


# Does every line keep what it carries?


def _leaf(reader: Reader, plan: Plan, leaf: Leaf) -> None:
    if leaf.role == "parent" and plan.decodes:
        zh, en = "parent 只能用于 direction: encode", "`parent` is for direction: encode"
        reader.problem(leaf.line, leaf.path, zh, en)
    if isinstance(leaf.lens, TextLens) and leaf.lens.lossy and leaf.canonical not in plan.lost:
        zh, en = "截断或替换会丢失内容,须声明", "truncation and substitution lose text: declare it"
        reader.problem(leaf.line, leaf.path, zh, en, f"lossy: [{{to: {leaf.canonical}, why: …}}]")
    if isinstance(leaf.lens, CodeLens):
        _codes(reader, plan, leaf, leaf.lens)
    elif isinstance(leaf.lens, DecimalLens):
        _decimals(reader, plan, leaf, leaf.lens, leaf.target)
    elif isinstance(leaf.lens, TimeLens) and "datetime" in leaf.lens.kinds and "ss" not in leaf.lens.form:
        zh, en = "格式不含秒,带秒的时间将被拒绝", "times with seconds will be refused: the format has none"
        reader.problem(leaf.line, leaf.path, zh, en, level="note")


def _codes(reader: Reader, plan: Plan, leaf: Leaf, lens: CodeLens) -> None:
    if lens.table.ambiguous and plan.decodes and plan.encodes:
        some = ", ".join(lens.table.ambiguous[:5])
        zh = f"代码表 {lens.table.name} 不能双向使用:{some} 不是一一对应"
        en = f"code table {lens.table.name} cannot be used both ways: {some} is not one to one"
        reader.problem(leaf.line, leaf.path, zh, en)
    if lens.open:
        zh = f"代码表 {lens.table.name} 以外的地方代码原样通过"
        en = f"local codes outside table {lens.table.name} pass through as they are"
        reader.problem(leaf.line, leaf.path, zh, en, level="note")


def _decimals(reader: Reader, plan: Plan, leaf: Leaf, lens: DecimalLens, target: Field | None) -> None:
    needed = target.decimals if target is not None else 0
    if plan.encodes and lens.decimals < needed:
        zh = f"丢失小数:{leaf.canonical} 有 {needed} 位小数,此处只有 {lens.decimals} 位"
        en = f"decimals are lost: {leaf.canonical} has {needed}, here are only {lens.decimals}"
        reader.problem(leaf.line, leaf.path, zh, en, f"decimal({lens.digits}.{needed})")


def _totals(reader: Reader, plan: Plan) -> None:
    fields = fields_of(plan.struct)
    for total in plan.totals:
        wanted = "int" if total.sum is not None and not total.sum.column else "money"
        for name in (total.field, *total.equals):
            if name not in fields or fields[name].kind != wanted:
                zh, en = (
                    f"“{name}”不是标准{KIND_ZH[wanted]}字段",
                    f"{name!r} is no canonical {'count' if wanted == 'int' else 'amount'}",
                )
                reader.problem(total.line, "totals", zh, en)
        if bool(total.equals) == (total.sum is not None):
            zh, en = "应写明 equals、sum_of 或 count_of 之一", "give one of equals, sum_of and count_of"
            reader.problem(total.line, "totals", zh, en)
        if total.sum is not None and not total.sum.fits(fields):
            zh, en = f"“{total.sum}”不是明细的金额或笔数", f"{str(total.sum)!r} is no {total.sum.en}"
            reader.problem(total.line, "totals", zh, en)
