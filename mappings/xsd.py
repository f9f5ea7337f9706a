"""XML Schema from XML mappings, so that what a WSDL promises and what the mapping reads cannot differ.

A mapping reads elements in any order; the schema asks for the mapping's order, which is what is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from mappings.codecs.xml import XmlOptions
from mappings.mapping import Mapping
from mappings.plan import Branch, Inside, Item, Leaf, Repeat, leaves


def schema_for(mappings: Iterable[Mapping]) -> bytes:
    """One XML Schema with a global element for every mapping, all of one namespace.

    Raises:
        ValueError: a mapping is not XML, or they have different namespaces or further ones.
    """
    chosen = tuple(mappings)
    codecs = [m.plan.document.options for m in chosen]
    namespaces = {c.namespace for c in codecs if isinstance(c, XmlOptions) and not c.namespaces}
    if len(namespaces) != 1 or not all(isinstance(c, XmlOptions) and not c.namespaces for c in codecs):
        raise ValueError("a schema is for XML mappings of one namespace")
    if any(leaf.step[0] in "@." or leaf.also for m in chosen for leaf in leaves(m.plan.items)):
        raise ValueError("a schema is for XML mappings without attributes and second spellings")
    (namespace,) = namespaces
    lines = [
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{escape(namespace)}" '
        f'targetNamespace="{escape(namespace)}" elementFormDefault="qualified">'
    ]
    for mapping in chosen:
        lines += _element(mapping.plan.document.options.root, "", mapping.title["zh"], mapping.plan.items)
    return "\n".join([*lines, "</xs:schema>", ""]).encode()


def _element(name: str, occurs: str, title: str, items: list[Item]) -> Iterator[str]:
    yield f'<xs:element name="{name}"{occurs}>'
    yield from _note(title)
    yield "<xs:complexType><xs:sequence>"
    for item in items:
        yield from _item(item)
    yield "</xs:sequence></xs:complexType></xs:element>"


def _item(item: Item) -> Iterable[str]:
    if isinstance(item, Repeat):
        return _element(item.step, f' minOccurs="0" maxOccurs="{item.limit}"', item.name, item.items)
    if isinstance(item, Branch):
        return _element(item.step, ' minOccurs="0"', "", item.items)
    if isinstance(item, Inside):
        occurs = "" if item.required else ' minOccurs="0"'
        return [f'<xs:element name="{item.step}"{occurs} type="xs:string"/>']
    if item.role == "skip":
        return [f'<xs:element name="{item.step}" minOccurs="0" type="xs:anyType"/>']
    return _leaf(item)


def _leaf(leaf: Leaf) -> Iterator[str]:
    optional = not leaf.required
    yield f'<xs:element name="{leaf.step}"' + (' minOccurs="0">' if optional else ">")
    yield from _note(leaf.name)
    pattern, length = leaf.lens.facets()
    yield '<xs:simpleType><xs:restriction base="xs:string">'
    if not optional and not pattern:
        yield '<xs:minLength value="1"/>'
    if length is not None:
        yield f'<xs:maxLength value="{length}"/>'
    if pattern:
        # An optional element may be there and empty: the mapping takes that as absent.
        yield f'<xs:pattern value="{escape(f"({pattern})?" if optional else pattern)}"/>'
    yield "</xs:restriction></xs:simpleType></xs:element>"


def _note(text: str) -> Iterator[str]:
    if text:
        yield f'<xs:annotation><xs:documentation xml:lang="zh">{escape(text)}</xs:documentation></xs:annotation>'
