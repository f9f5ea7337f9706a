"""XML beyond plain elements: attributes, charsets and declarations, unknown content that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.canonical.settlement import ReversalDone
from mappings import DefinitionError, Mapping, MappingError
from mappings.testing import check_hostile, check_laws
from tests.mappings.tools import lines, rules

DONE = ReversalDone(original_message_id="M1", raw_code="0", raw_text="好\"<\t'")
LEAST = ReversalDone(original_message_id="M1", raw_code="0")
XML = "{kind: xml, root: r, namespace: 'urn:a', namespaces: {p: 'urn:b'}}"
ID = "{at: a/id, to: original_message_id, as: text(30)}"
CODE = "{at: b/code, to: raw_code, as: text(6)}"


class TestAttributes:
    @pytest.fixture
    def mapping(self, tmp_path: Path) -> Mapping:
        return lines(
            tmp_path,
            XML,
            "{at: '@version', as: const(1)}",
            "{at: 'id/.', to: original_message_id, as: text(30)}",
            "{at: 'id/@p:code', to: raw_code, as: text(6)}",
            "{at: 't/@x', to: raw_text, as: text(20)}",
            "{at: 't/@v', as: const(2), required: false}",
        )

    def test_laws(self, mapping: Mapping) -> None:
        data = mapping.encode(DONE)
        assert data.decode() == (
            '<r xmlns="urn:a" xmlns:p="urn:b" version="1"><id p:code="0">M1</id>'
            '<t x="好&quot;&lt;&#9;\'" v="2"></t></r>'
        )
        assert mapping.decode(data) == DONE
        assert mapping.encode(LEAST).endswith(b'<id p:code="0">M1</id></r>')
        check_laws(mapping)
        check_hostile(mapping, data, DONE)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (b' version="1"', b"", ("@version", "missing")),
            (b' version="1"', b' version="2"', ("@version", "const")),
            (b"<id ", b'<id code="0" ', ("id/@code", "attribute")),
            (b"<r ", b'<r q="1" ', ("r/@q", "attribute")),
            (b' v="2"', b' v="3"', ("t/@v", "const")),
            (b"M1", b"M1<x/>", ("id/x", "unknown")),
        ],
    )
    def test_refused(self, mapping: Mapping, old: bytes, new: bytes, said: tuple[str, str]) -> None:
        assert said in rules(mapping, mapping.encode(DONE).replace(old, new))

    def test_xsi_means_nothing(self, mapping: Mapping) -> None:
        xsi = b'<id xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x" '
        assert mapping.decode(mapping.encode(DONE).replace(b"<id ", xsi)) == DONE

    def test_ignored_where_unknown_is(self, tmp_path: Path) -> None:
        lossy = '[{at: "*", why: x}]'
        assumed = "[{to: raw_text, why: x}]"
        mapping = lines(tmp_path, XML, ID, CODE, unknown="ignore", lossy=lossy, assumed=assumed)
        data = mapping.encode(LEAST).replace(b"<id>", b'<id q="1">').replace(b"<a>", b"<a q='1'>")
        assert mapping.decode(data) == LEAST

    @pytest.mark.parametrize("at", ["'@a/b'", "'a/./b'", "'@q:a'", "'./'", "'@'"])
    def test_no_paths(self, tmp_path: Path, at: str) -> None:
        with pytest.raises(DefinitionError, match=r"invalid path|not declared"):
            lines(tmp_path, XML, f"{{at: {at}, to: raw_code, as: text(6)}}")

    def test_text_beside_elements_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match="beside attributes only"):
            lines(tmp_path, XML, "{at: a/., to: raw_code, as: text(6)}", ID)


class TestCharsets:
    FIELDS = (ID, CODE, "{at: text, to: raw_text, as: text(20)}")

    @pytest.mark.parametrize(
        ("codec", "head", "text"),
        [
            ("charset: gbk, declaration: true", b'<?xml version="1.0" encoding="GBK"?>', b"\xba\xc3"),
            ("charset: gb18030, declaration: GBK", b'<?xml version="1.0" encoding="GBK"?>', b"\xba\xc3"),
            ("charset: gbk", b"", b"\xba\xc3"),
            ("declaration: true", b'<?xml version="1.0" encoding="UTF-8"?>', "好".encode()),
        ],
    )
    def test_laws(self, tmp_path: Path, codec: str, head: bytes, text: bytes) -> None:
        mapping = lines(tmp_path, f"{{kind: xml, root: r, {codec}}}", *self.FIELDS)
        data = mapping.encode(DONE)
        assert data.startswith(head + b"<r>")
        assert text in data
        assert mapping.decode(data) == DONE
        check_laws(mapping)

    @pytest.mark.parametrize("name", ["gbk", "GB2312", "gb18030", "UTF-8"])
    def test_what_is_declared_counts(self, tmp_path: Path, name: str) -> None:
        mapping = lines(tmp_path, "{kind: xml, root: r}", *self.FIELDS)
        body = mapping.encode(DONE).decode().encode(name)
        assert mapping.decode(f"<?xml version='1.0' encoding='{name}'?>\n".encode() + body) == DONE

    @pytest.mark.parametrize(
        "data",
        [
            b"<?xml version='1.0' encoding='latin1'?><r/>",
            "<?xml version='1.0' encoding='UTF-16'?><r/>".encode("utf-16"),
            "<r/>".encode("utf-16"),
            "<?xml version='1.0' encoding='UTF-8'?><r>好</r>".encode("gbk"),
            "<?xml version='1.0' encoding='GBK'?><r>好</r>".encode(),
            b"\xef\xbb\xbf" + "<?xml version='1.0' encoding='GBK'?><r>好</r>".encode("gbk"),
        ],
    )
    def test_other_or_wrong_declarations(self, tmp_path: Path, data: bytes) -> None:
        mapping = lines(tmp_path, "{kind: xml, root: r}", *self.FIELDS)
        assert rules(mapping, data)[0][1] in ("charset", "syntax")

    def test_a_character_outside_is_refused_at_its_field(self, tmp_path: Path) -> None:
        mapping = lines(tmp_path, "{kind: xml, root: r, charset: gbk}", *self.FIELDS)
        with pytest.raises(MappingError) as refused:
            mapping.encode(ReversalDone(original_message_id="M1", raw_code="0", raw_text="𠮷"))
        assert (refused.value.field, refused.value.rule) == ("text", "charset")

    def test_declaration_and_charset_agree(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match="another charset"):
            lines(tmp_path, "{kind: xml, root: r, charset: gbk, declaration: UTF-8}", *self.FIELDS)


class TestKept:
    @pytest.fixture
    def mapping(self, tmp_path: Path) -> Mapping:
        return lines(tmp_path, XML, ID, CODE, unknown="keep(raw_text)")

    def test_laws(self, mapping: Mapping) -> None:
        check_laws(mapping, 80)

    def test_in_its_place_whatever_the_prefixes(self, mapping: Mapping) -> None:
        body = mapping.decode(
            b'<z:r xmlns:z="urn:a"><z:a q="1"><z:id w="2">M1</z:id><z:u>x<v xmlns="urn:q" xmlns:f="urn:b" f:k="&lt;"/>'
            b"</z:u></z:a><w>1</w><w/><z:b><z:code>0</z:code></z:b></z:r>"
        )
        data = mapping.encode(body)
        assert data.decode() == (
            '<r xmlns="urn:a" xmlns:p="urn:b"><a q="1"><id w="2">M1</id><u>x<v xmlns="urn:q" p:k="&lt;"></v></u></a>'
            '<b><code>0</code></b><w xmlns="">1</w><w xmlns=""></w></r>'
        )
        assert mapping.decode(data) == body
        assert mapping.encode(mapping.decode(data)) == data

    def test_in_rows(self, tmp_path: Path) -> None:
        rows = "{each: list/item, to: diseases, fields: [{at: code, to: disease_code, as: text(9)}]}"
        lossy = "[{to: diseases.disease_name, why: x}, {to: diseases.since, why: x}, {to: diseases.until, why: x}]"
        mapping = lines(
            tmp_path,
            XML,
            rows,
            "{at: code, to: raw_code, as: text(6)}",
            canonical="filing.chronic_disease.answered.v1",
            unknown="keep(extension)",
            lossy=lossy,
            assumed="[{to: raw_text, why: x}]",
        )
        data = (
            b'<r xmlns="urn:a" xmlns:p="urn:b"><list><item><code>1</code></item><item n="2"><code>2</code><x>y</x></item>'
            b"</list><code>0</code></r>"
        )
        body: Any = mapping.decode(data)
        assert body.extension == '{"list":{"item":{"2":{"@n":"2","{urn:a}x":["<x>y</x>"]}}}}'
        assert mapping.encode(body) == data
        for number in ("0", "3", "02", "x"):
            with pytest.raises(MappingError, match="extension"):
                mapping.encode(replace(body, extension=f'{{"list":{{"item":{{"{number}":{{"@n":"2"}}}}}}}}'))
        check_laws(mapping)

    @pytest.mark.parametrize(
        "text",
        [
            '{"a":{"id":{"x":1}}}', '{"a":1}', '{"{urn:a}a":["<a></a>"]}', '{"x":["<y></y>"]}', '{"x":["<x>"]}',
            '{"x":[]}', '{"x":1}', '{"x":["<x></x>t"]}', '{"@ q":"1"}', '{"@q":1}', '{"@q":"\\u0000"}',
            '{"x":["<!DOCTYPE x><x></x>"]}', '{"@{http://www.w3.org/2001/XMLSchema-instance}nil":"true"}', "x",
            '{"{urn:a}x":["</r><x></x>"]}',
        ],
    )  # fmt: skip
    def test_an_extension_that_does_not_fit(self, mapping: Mapping, text: str) -> None:
        with pytest.raises(MappingError) as refused:
            mapping.encode(ReversalDone(original_message_id="M1", raw_code="0", raw_text=text))
        assert refused.value.rule == "extension"
