"""How a national transaction stands in a text: as JSON, or as the same tree written in XML. Pure.

    {"infno":"2207","msgid":"…",…,"input":{"data":{"psn_no":"…"}}}

    <any><infno>2207</infno><msgid>…</msgid>…<input><data><psn_no>…</psn_no></data></input></any>

An element that occurs several times is an array; so is one that occurs once where the mapping has rows. Both are
read by the mappings of the national interface. Namespaces are not looked at: systems differ, names do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.national.envelope import parse as parse_object
from adapters.hospital.soap.faults import NOT_XML
from adapters.hospital.soap.style import document
from mappings import parse_json
from mappings.plan import Branch, Item, Repeat

_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"

Tree = dict[str, Any]


class JsonNotation:
    """
    Args:
        parameter: where the text stands, for errors.
        limit: bytes of a request.
    """

    def __init__(self, parameter: str, limit: int) -> None:
        self._parameter = parameter
        self._limit = limit

    def read(self, text: str) -> Tree:
        """
        Raises:
            Fault: `malformed`.
        """
        try:
            return parse_object(text.strip().encode("utf-8", "surrogatepass"), "utf-8", self._limit)
        except Fault as fault:
            fault.field = fault.field or self._parameter
            raise

    def write(self, answer: bytes) -> str:
        """An answer of the national interface as text."""
        return answer.decode()


class XmlNotation:
    """
    Args:
        parameter: where the text stands, for errors.
        root: element of answers.
        limit: bytes of a request.
    """

    def __init__(self, parameter: str, root: str, limit: int) -> None:
        self._parameter = parameter
        self._root = root
        self._limit = limit

    def read(self, text: str) -> Tree:
        """
        Raises:
            Fault: `malformed` or `invalid`.
        """
        return self.tree(document(text, self._parameter, self._limit))

    def tree(self, root: etree._Element) -> Tree:
        """The tree below an element, whose own attributes are not looked at. Raises Fault."""
        found = _tree(root, "")
        if not isinstance(found, dict):
            raise _wrong(self._parameter, "应含 infno、msgid、input 等元素", "must hold elements", "shape")
        return found

    def shaped(self, tree: Any, items: Iterable[Item]) -> Any:
        """A tree as the lines of a mapping expect it: rows are arrays, also where there is one."""
        if not isinstance(tree, dict):
            return None if tree == "" else tree
        shaped = dict(tree)
        for item in items:
            value = shaped.get(item.step)
            if isinstance(item, Branch) and value is not None:
                shaped[item.step] = self.shaped(value, item.items)
            elif isinstance(item, Repeat) and isinstance(value, dict | list):
                rows = value if isinstance(value, list) else [value]
                shaped[item.step] = [self.shaped(row, item.items) for row in rows]
        return shaped

    def write(self, answer: bytes) -> str:
        """
        Args:
            answer: JSON, as the national interface has it.

        Raises:
            TypeError: it holds a name that cannot be one here.
        """
        return etree.tostring(self.element(answer), encoding="unicode")

    def element(self, answer: bytes) -> etree._Element:
        """As `write`, before it is text."""
        root = etree.Element(self._root)
        _fill(root, parse_json(answer))
        return root


def _tree(element: etree._Element, path: str) -> Any:
    """Text, or an object of what is below. Raises Fault."""
    if not len(element):
        return "" if (element.text or "").isspace() else element.text or ""
    found: Tree = {}
    texts = [element.text, *(child.tail for child in element)]
    if any(text and not text.isspace() for text in texts):
        raise _wrong(path, "元素之间有文本", "has text between its elements", "shape")
    for child in element:
        name = etree.QName(child).localname
        below = f"{path}/{name}".lstrip("/")
        if any(not str(key).startswith(_XSI) for key, _ in child.items()):
            raise _wrong(below, "有未约定的属性", "has attributes that are not agreed", "attribute")
        value = _tree(child, below)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _fill(element: etree._Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, below in value.items():
            if not _NAME.fullmatch(name):
                raise TypeError("a key is no XML name")
            for one in below if isinstance(below, list) else [below]:
                _fill(etree.SubElement(element, name), one)
    elif isinstance(value, list):
        raise TypeError("an array within an array")
    elif value is not None:
        element.text = NOT_XML.sub("\ufffd", _scalar(value))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _wrong(field: str, zh: str, en: str, rule: str) -> Fault:
    return Fault(code="invalid", zh=f"{field}：{zh}", en=f"{field}: {en}", field=field[:200], rule=rule)
