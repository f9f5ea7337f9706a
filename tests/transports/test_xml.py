"""XML from outside: attacks, encodings, and schema violations that never quote a value."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.transports.soap import XmlError, parse, violations
from tests.transports.claims import PERSON, XSD, schema, submit

BOMB = b"<!DOCTYPE a [%s]><a>&e9;</a>" % b"".join(
    b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"ha") for n in range(10)
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0"?>\n<!-- <b> --><!DOCTYPE a [<!ENTITY x "y">]><a b="&x;"/>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]><a/>',
    ],
    ids=["bomb", "file", "external", "plain", "behind a comment", "parameter entity"],
)
def test_dtd_is_refused_as_such(document: bytes) -> None:
    with pytest.raises(XmlError, match="DTD") as caught:
        parse(document)
    assert caught.value.line >= 1
    assert "禁止使用DTD" in str(caught.value)


@pytest.mark.parametrize(
    ("document", "charset", "said"),
    [
        (b"", None, "empty"),
        (b"<a>\n<b></a>", None, r"do not match \(line 2"),
        (b"<a>&x;</a>", None, "undeclared entity"),
        (b"<a><b:c/></a>", None, "prefix"),
        (b"<a>\x01</a>", None, "invalid character"),
        ("<a>中</a>".encode("gbk"), None, "declared encoding"),
        (b'<?xml version="1.0" encoding="GBK"?>\n<a>\n\xff\xff</a>', None, r"declared encoding \(line 3"),
        (b'<?xml version="1.0" encoding="GBK"?><a/>', "utf-8", "contradicts"),
        (b"\xef\xbb\xbf<a/>", "GBK", "contradicts"),
        ("<a/>".encode("utf-16"), None, "UTF-16"),
        ("<a/>".encode("utf-16-le"), None, "UTF-16"),
        ("<a/>".encode("utf-32"), None, "UTF-16"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', None, "not accepted"),
        (b"<a/>", "koi8-r", "not accepted"),
        (b"<a>" * 65 + b"</a>" * 65, None, "deep"),
        (b"<a>" * 64 + b"<b/>" + b"</a>" * 64, None, "deep"),
        (b"<a>" * 100_000, None, "too many"),
        (b"<a>" + b"<b/>" * 60_000 + b"</a>", None, "too many"),
        (b"<a>" + b"x" * 1_048_576 + b"</a>", None, "too large"),
    ],
)
def test_what_is_refused(document: bytes, charset: str | None, said: str) -> None:
    with pytest.raises(XmlError, match=said):
        parse(document, charset)


@pytest.mark.parametrize("name", ["GBK", "gb2312", "GB18030"])
def test_chinese_encodings(name: str) -> None:
    text = "㐀龥中€𠀀"  # GB18030 has them all, and that is what "GBK" means in the field
    body = f'<?xml version="1.0" encoding="{name}"?>\n<姓名>{text}</姓名>'.encode("gb18030")
    for charset in (None, "gbk"):
        root = parse(body, charset)
        assert (root.tag, root.text, root.sourceline) == ("姓名", text, 2)
    assert parse(f"<a>{text}</a>".encode("gb18030"), name).text == text


def test_what_is_accepted() -> None:
    assert parse(b"\xef\xbb\xbf<a/>", "UTF-8").tag == "a"
    assert parse(b"<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"
    assert parse(b"<a>12<!-- x -->34<?p?>5</a>").text == "12345"
    assert parse(b"<a>" * 64 + b"</a>" * 64).tag == "a"


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "gbk"]))
def test_rubbish_is_refused_and_nothing_else(body: bytes, charset: str | None) -> None:
    for document in (body, b"<a>" + body + b"</a>"):
        with suppress(XmlError):
            parse(document, charset)


def test_valid_document_has_no_violations() -> None:
    assert violations(schema(), parse(submit().encode())) == []


SECRET = "330102199001011234567"


@pytest.mark.parametrize(
    ("document", "field", "rule", "line"),
    [
        (submit(PERSON.replace("99010119900101001X", SECRET)), "submit/person/id", r"pattern \d{17}[\dX]", 2),
        (submit(PERSON.replace("张三", SECRET)), "submit/person/name", "maxLength 5", 2),
        (submit(PERSON.replace("张三", "")), "submit/person/name", "minLength 1", 2),
        (submit(PERSON.replace("abc", SECRET)), "submit/person/@kind", "length 3", 2),
        (submit(PERSON.replace(' kind="abc"', "")), "submit/person/@kind", "required", 2),
        (submit(PERSON.replace("kind=", 'extra="1" kind=')), "submit/person/@extra", "attribute", 2),
        (submit(PERSON.replace("<name>张三</name>", "")), "submit/person", "required name", 2),
        (
            submit(rest=f"<code>{SECRET}</code><amount>1</amount><day>2026-01-31</day>"),
            "submit/code",
            "enumeration A, B",
            3,
        ),
        (
            submit(rest="<code>A</code><amount>1</amount><amount>1.234</amount><day>2026-01-31</day>"),
            "submit/amount[2]",
            "fractionDigits 2",
            3,
        ),
        (
            submit(rest="<code>A</code><amount>-1</amount><day>2026-01-31</day>"),
            "submit/amount",
            "minInclusive 0",
            3,
        ),
        (
            submit(rest="<code>A</code><amount>900</amount><day>2026-01-31</day>"),
            "submit/amount",
            "maxExclusive 900",
            3,
        ),
        (
            submit(rest=f"<code>A</code><amount>x{SECRET}</amount><day>2026-01-31</day>"),
            "submit/amount",
            "type Yuan",
            3,
        ),
        (
            submit(rest=f"<code>A</code><amount>1</amount><day>{SECRET}</day>"),
            "submit/day",
            "type xs:date",
            3,
        ),
        (submit(rest="<amount>1</amount>"), "submit/amount", "sequence code", 3),
        (
            submit(rest=f"<code>A</code>{SECRET}<amount>1</amount><day>2026-01-31</day>"),
            "submit",
            "content",
            1,
        ),
        (f'<other xmlns="urn:other">{SECRET}</other>', "other", "element", 1),
    ],
)
def test_violation_names_field_rule_and_line(document: str, field: str, rule: str, line: int) -> None:
    first = violations(schema(), parse(document.encode()))[0]
    assert (first.field, first.rule, first.line) == (field, rule, line)
    assert SECRET not in repr(first)
    assert f"第{line}行" in first.zh
    assert f"line {line}" in first.en


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30))
def test_value_is_never_quoted(value: str) -> None:
    secret = f"SECRET{value}"
    escaped = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for crafted in (escaped, f"{escaped}' is not accepted by the pattern '{escaped}'."):
        document = submit(PERSON.replace("99010119900101001X", crafted))
        (only,) = violations(schema(), parse(document.encode()))
        assert only.rule == r"pattern \d{17}[\dX]"
        assert "SECRET" not in repr(only)


def test_prefixed_paths() -> None:
    body = (
        submit()
        .replace("<", "<t:")
        .replace("<t:/", "</t:")
        .replace("xmlns=", "xmlns:t=")
        .replace(">A<", ">C<")
    )
    assert violations(schema(), parse(body.encode()))[0].field == "submit/code"


def test_crafted_values_do_not_pose_as_the_rule() -> None:
    anonymous = XSD.replace(
        b'name="day" type="xs:date"/>',
        b"""name="day"><xs:simpleType>
        <xs:restriction base="xs:date"/></xs:simpleType></xs:element>""",
    )
    for value in (f"is not a valid type '{SECRET}'.", f"{SECRET * 5000} by the pattern '{SECRET}'."):
        document = submit(rest=f"<code>A</code><amount>1</amount><day>{value}</day>").encode()
        (only,) = violations(etree.XMLSchema(etree.fromstring(anonymous)), parse(document))
        assert (only.field, only.rule) == ("submit/day", "type")
        assert SECRET not in repr(only)
