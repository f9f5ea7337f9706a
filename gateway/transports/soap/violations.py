"""Says what is wrong with a document in terms a partner can act on: the field, the rule, the line.

libxml2 reports each violation as an English sentence with the offending value in it. The value may be
somebody's identity number, so only what stems from the schema is taken from the sentence. It always stands
after the value; so it is looked for from the end, and a crafted value cannot pose as it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree
from msgspec import Struct

_LONGEST = 200
_ATTRIBUTE: Final = re.compile(r"Element '[^']*', attribute '([^']*)': ")
_EXPECTED: Final = re.compile(r" Expected is (?:one of )?\( ([^()]*) \)\.\Z")
_NAMESPACE: Final = re.compile(r"\{[^{}]*\}")
_STEP: Final = re.compile(r"(?:([^:/\[\]]+):)?([^:/\[\]]+)(?:\[(\d+)\])?")

#: The schema's part of most sentences: `… type 'xs:date'.`, `… allowed ('4').`, `… length of '5'.`
_QUOTED_LAST: Final = re.compile(r"'([^']*)'\)?\.\Z")
_TOO_LONG: Final = 16_000  # libxml2 cuts off its longest sentences, and with them what is looked for

#: libxml2's violation → our rule, Chinese, English.
_FACETS: Final = {
    "CVC_PATTERN_VALID": ("pattern", "不符合格式 {}", "does not match the pattern {}"),
    "CVC_ENUMERATION_VALID": ("enumeration", "不在允许的取值 {} 之中", "is not one of {}"),
    "CVC_LENGTH_VALID": ("length", "长度应为 {}", "must have the length {}"),
    "CVC_MINLENGTH_VALID": ("minLength", "长度不得小于 {}", "is shorter than {}"),
    "CVC_MAXLENGTH_VALID": ("maxLength", "长度不得大于 {}", "is longer than {}"),
    "CVC_TOTALDIGITS_VALID": ("totalDigits", "总位数不得超过 {}", "has more than {} digits"),
    "CVC_FRACTIONDIGITS_VALID": ("fractionDigits", "小数位数不得超过 {}", "has more than {} fraction digits"),
    "CVC_MININCLUSIVE_VALID": ("minInclusive", "不得小于 {}", "is less than {}"),
    "CVC_MAXINCLUSIVE_VALID": ("maxInclusive", "不得大于 {}", "is greater than {}"),
    "CVC_MINEXCLUSIVE_VALID": ("minExclusive", "必须大于 {}", "must be greater than {}"),
    "CVC_MAXEXCLUSIVE_VALID": ("maxExclusive", "必须小于 {}", "must be less than {}"),
    "CVC_DATATYPE_VALID_1_2_1": ("type", "不是有效的 {} 值", "is not a valid {}"),
    "CVC_DATATYPE_VALID_1_2_2": ("type", "不是有效的 {} 列表", "is not a valid list {}"),
    "CVC_DATATYPE_VALID_1_2_3": ("type", "不是有效的 {} 值", "is not a valid {}"),
}
_OTHERS: Final = {
    "CVC_ELT_1": ("element", "不是接口定义的报文", "is not a message of this interface"),
    "CVC_COMPLEX_TYPE_2_1": ("content", "必须为空", "must be empty"),
    "CVC_COMPLEX_TYPE_2_2": ("content", "不允许含有子元素", "must not contain elements"),
    "CVC_COMPLEX_TYPE_2_3": ("content", "不允许直接含有文本", "must not contain text of its own"),
    "CVC_TYPE_3_1_1": ("attribute", "不允许带有属性", "must not have attributes"),
    "CVC_TYPE_3_1_2": ("content", "不允许含有子元素", "must not contain elements"),
    "CVC_ELT_3_1": ("nil", "不允许为nil", "must not be nil"),
    "CVC_IDC": ("unique", "键值重复或缺失", "repeats a key or lacks one"),
}
_UNKNOWN: Final = ("schema", "不符合接口规范", "does not conform to the schema")


class Violation(Struct, frozen=True):
    """One rule that one field breaks; never the value."""

    field: str  #: such as `claim/item[2]/amount` or `claim/@version`
    rule: str  #: the schema's name for it and its parameter, such as `maxLength 18`
    line: int
    zh: str
    en: str


def violations(schema: etree.XMLSchema, element: etree._Element) -> list[Violation]:
    """All violations of `schema` in `element`, in document order; empty if it is valid."""
    if schema.validate(element):
        return []
    log: Any = schema.error_log  # the stubs know no entries
    return [_violation(entry, element) for entry in log]


def _violation(entry: etree._LogEntry, element: etree._Element) -> Violation:
    kind = entry.type_name.removeprefix("SCHEMAV_")
    message = entry.message
    field = field_path(element, entry.path or "")
    attribute = _ATTRIBUTE.match(message)
    if attribute:
        field += f"/@{attribute.group(1)}"
    if kind in _FACETS:
        rule, zh, en = _facet(kind, message)
    elif kind == "ELEMENT_CONTENT":
        rule, zh, en = _content(message)
    elif kind == "CVC_COMPLEX_TYPE_4":
        field += f"/@{_after(message, 'The attribute ' + chr(39)).partition(chr(39))[0]}"
        rule, zh, en = "required", "缺少必填属性", "is required but missing"
    elif kind == "CVC_COMPLEX_TYPE_3_2_1":
        rule, zh, en = "attribute", "不允许出现该属性", "is not allowed here"
    else:
        rule, zh, en = _OTHERS.get(kind, _UNKNOWN)
    line = entry.line or 0
    return Violation(
        field, rule, line, f"字段 {field}（第{line}行）{zh}", f"field {field} (line {line}) {en}"
    )


def _facet(kind: str, message: str) -> tuple[str, str, str]:
    rule, zh, en = _FACETS[kind]
    parameter = _parameter(rule, message) if len(message) < _TOO_LONG else ""
    parameter = parameter if len(parameter) <= _LONGEST else parameter[:_LONGEST] + "…"
    name = parameter or "…"
    return f"{rule} {parameter}".strip(), zh.format(name), en.format(name)


def _parameter(rule: str, message: str) -> str:
    if rule == "pattern":
        return _after(message, "by the pattern '").removesuffix("'.")
    if rule == "enumeration":
        return _after(message, "element of the set {").removesuffix("}.").replace("'", "")
    match = _QUOTED_LAST.search(message)
    return _NAMESPACE.sub("", match.group(1)) if match else ""


def _content(message: str) -> tuple[str, str, str]:
    match = _EXPECTED.search(message)
    expected = _NAMESPACE.sub("", match.group(1)) if match else ""
    if ": Missing child element(s)." in message:
        return f"required {expected}", f"缺少子元素 {expected}", f"lacks the element {expected}"
    if expected:
        return (
            f"sequence {expected}",
            f"不应在此出现，此处应为 {expected}",
            f"is not expected here; {expected} is",
        )
    return "sequence", "不应在此出现", "is not expected here"


def _after(message: str, marker: str) -> str:
    _, found, rest = message.rpartition(marker)
    return rest if found else ""


def field_path(root: etree._Element, path: str) -> str:
    """Turn libxml2's node path, such as `/*/*[2]` or `/t:claim/t:item[2]`, into local names."""
    names = [etree.QName(root).localname]
    node = root
    for step in path.split("/")[2:]:
        match = _STEP.fullmatch(step)
        child = _child(node, *match.groups()) if match else None
        if child is None:
            break
        node = child
        names.append(_numbered(node))
    return "/".join(names)


def _child(node: etree._Element, prefix: str | None, name: str, index: str | None) -> etree._Element | None:
    children = [
        child
        for child in node
        if name == "*" or (child.prefix == prefix and etree.QName(child).localname == name)
    ]
    position = int(index or 1) - 1
    return children[position] if position < len(children) else None


def _numbered(node: etree._Element) -> str:
    """The local name, with its position where siblings share the name."""
    parent = node.getparent()
    name = etree.QName(node).localname
    twins = [child for child in parent if child.tag == node.tag] if parent is not None else []
    return name if len(twins) < 2 else f"{name}[{twins.index(node) + 1}]"
