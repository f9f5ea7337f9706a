"""Unknown XML as text, in one spelling, and back in its place.

A fragment names namespaces as the document does: the default one and the declared prefixes stay, any other
is declared where it is needed. Prefixes in texts mean nothing here.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from mappings.codecs.kept import no_extension, row_index
from mappings.codecs.xml_names import XSI, Names, split
from mappings.codecs.xml_parser import Limits, parse
from mappings.codecs.xml_writer import declared, escape, quote
from mappings.errors import Refused
from mappings.plan import Branch, Item, Repeat


def serialise(element: Any, names: Names) -> str:
    """An element as text that means the same anywhere in the document."""
    uri, name = split(element.tag)
    step = names.step(element.tag)
    head = ""
    if step.startswith("{") or (not uri and names.namespace):
        # What is within goes by the new default, so long as it is in the same namespace.
        step, names, head = name, Names(uri, names.prefixes), f' xmlns="{quote(uri)}"'
    for number, (key, value) in enumerate(element.items()):
        head += _attribute(key, value, names, f"n{number}")
    inner = escape(element.text or "")
    for child in element:
        inner += serialise(child, names) + escape(child.tail or "")
    return f"<{step}{head}>{inner}</{step}>"


def _attribute(key: str, value: str, names: Names, fresh: str) -> str:
    uri, name = split(key)
    if not uri:
        return f' {name}="{quote(value)}"'
    prefix = next((p for p, u in names.prefixes.items() if u == uri), None)
    if uri == "http://www.w3.org/XML/1998/namespace":
        prefix = "xml"
    extra = "" if prefix else f' xmlns:{fresh}="{quote(uri)}"'
    return f'{extra} {prefix or fresh}:{name}="{quote(value)}"'


def restore(root: Any, kept: dict[str, Any], items: list[Item], names: Names, limits: Limits) -> bytes:
    """What was written, with kept content at the end of the elements where it stood.

    Raises:
        Refused: something kept stands in the place of something known, or is no XML.
    """
    _merge(root, kept, items, names, limits)
    step = names.step(root.tag)
    text = serialise(root, names)
    return f"<{step}{declared(names)}{text[len(step) + 1 :]}".encode()


def _merge(node: Any, kept: dict[str, Any], items: list[Item], names: Names, limits: Limits) -> None:
    known = {item.step: item for item in items}
    strange = {names.key(item.step) for item in items}
    for key, value in kept.items():
        item = known.get(key)
        if item is None:
            if key in strange:
                raise no_extension()
            _put(node, key, value, names, limits)
        elif type(value) is not dict:
            raise no_extension()
        elif isinstance(item, Repeat):
            rows = list(node.iterchildren(names.key(key)))
            for number, part in value.items():
                index = row_index(number)
                if not 0 <= index < len(rows) or type(part) is not dict:
                    raise no_extension()
                _merge(rows[index], part, item.items, names, limits)
        else:
            inner = item.items if isinstance(item, Branch) else []
            if not isinstance(item, Branch) and not all(k.startswith("@") for k in value):
                raise no_extension()
            child = next(node.iterchildren(names.key(key)), None)
            if child is None:
                child = etree.SubElement(node, names.key(key))
            _merge(child, value, inner, names, limits)


def _put(node: Any, key: str, value: Any, names: Names, limits: Limits) -> None:
    """One attribute, or elements of one name."""
    try:
        if (not value and type(value) is list) or key.startswith(f"@{XSI}"):
            raise no_extension()
        if key.startswith("@"):
            node.set(key[1:], value)
            return
        for fragment in value:
            around = f"<r{declared(names)}>{fragment}</r>"
            (child,) = parse(around, limits)
            if child.tag != key or child.tail or serialise(child, names) != fragment:
                raise no_extension()
            node.append(child)
    except (TypeError, ValueError, Refused):
        raise no_extension() from None
