"""The canonical schema: what is exported is current, what is encoded comes back, money and ids keep their laws."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from uuid import UUID

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import BODIES, IdSource, Message, fen_to_yuan, type_of, uuid7, yuan_to_fen
from gateway.canonical.envelope import decode, encode
from gateway.canonical.money import MAX_FEN
from gateway.canonical.schema import schemas
from tests.engine.scripted import claim, settled

EXPORTED = Path(__file__).parents[2] / "docs" / "canonical"


def test_the_exported_schemas_are_current() -> None:
    found = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in EXPORTED.glob("*.json")}
    assert found == json.loads(json.dumps(schemas())), "run `make schemas`"


@pytest.mark.parametrize("body", [claim(), settled(claim(), "M1")], ids=["request", "reply"])
def test_a_message_comes_back_as_it_was_and_fits_its_schema(body: object) -> None:
    message = Message(
        id=uuid7(1, b"0123456789"),
        source="/partners/hospital",
        type=type_of(body),  # type: ignore[arg-type]
        time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        partner="hospital",
        correlation_id="c",
        region="990101",
        data=body,  # type: ignore[arg-type]
    )
    wire = encode(message)
    again = decode(wire)
    assert encode(again) == wire
    assert type(again.data) is type(body)
    jsonschema.validate(json.loads(wire), schemas()[f"{message.type}.json"])
    assert "示例" not in repr(message), "a repr ends up in logs"


@pytest.mark.parametrize(
    ("wire", "what"),
    [(b'{"type":"settlement.claim.lost.v1"}', "unknown message type"), (b"{}", "type")],
)
def test_what_is_no_message_is_refused(wire: bytes, what: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=what):
        decode(wire)


def test_every_type_is_named_after_area_entity_and_event() -> None:
    for name, body in BODIES.items():
        assert len(name.split(".")) == 4
        assert f"`{name}`" in (body.__doc__ or ""), "the docstring says which message it is"


@given(st.integers(-MAX_FEN, MAX_FEN))
def test_money_comes_back_to_the_fen(fen: int) -> None:
    assert yuan_to_fen(fen_to_yuan(fen)) == fen


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1.234", "1e3", "+1", "1,00", " 1", "1 ", "NaN", "١", "--1", "1" * 15]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        yuan_to_fen(text)


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=40), st.binary(min_size=10, max_size=10))
def test_ids_rise_whatever_the_clock_does(clock: list[int], random: bytes) -> None:
    ticks = iter(clock)
    source = IdSource(lambda: next(ticks), lambda count: random[:count])
    made = [source() for _ in clock]
    assert made == sorted(set(made))
    for one in made:
        assert UUID(one).version == 7
        assert UUID(one).variant == "specified in RFC 4122"
