"""Every transaction of the table, over real HTTP: what comes in, what is asked, what goes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.hospital.national.transactions import CATALOGUES, OPERATIONS, ROUTED, mapping_names
from adapters.hospital.operations import BY_NAME
from gateway.canonical import type_of
from mappings import SHIPPED
from mappings.catalogue import catalogue
from tests.adapters.hospital.national.world import good_input, good_reply, world

CATALOGUE = catalogue(SHIPPED / "settlement")


@pytest.mark.parametrize("infno", ROUTED)
def test_table_manifest_and_mappings_say_the_same(infno: str) -> None:
    row = ROUTED[infno]
    (version,) = CATALOGUE.versions(row.input)
    assert version.definition.canonical == row.declared.request
    if row.output is None:
        assert row.declared.reply in ("gateway.request.done.v1", "settlement.reversal.done.v1")
    else:
        (version,) = CATALOGUE.versions(row.output)
        assert version.definition.canonical == row.declared.reply


def test_every_mapping_of_the_interface_is_used() -> None:
    assert mapping_names() == set(CATALOGUE.names())
    assert set(BY_NAME) >= OPERATIONS
    assert not CATALOGUES & set(ROUTED)


@pytest.mark.parametrize("infno", ROUTED)
async def test_asked_and_answered(tmp_path: Path, infno: str) -> None:
    reply = good_reply(infno)
    async with world(tmp_path, {"echo_msgid": False}) as w:
        w.inbox.answer = lambda _: reply
        hospital = w.hospital()
        request = hospital.request(infno, good_input(infno))
        if infno == "2601":
            w.inbox.references[request["input"]["data"]["omsgid"]] = "T1"
        answer = await hospital.send(request)
        hospital.close()
    assert (answer.status, answer.infcode, answer.err_msg) == (200, 0, "")
    (inbound,) = w.inbox.accepted
    row = ROUTED[infno]
    assert type_of(inbound.body) == row.declared.request
    assert inbound.partner_message_id == request["msgid"]
    assert inbound.mapping == f"{row.input}@1"
    assert json.loads(inbound.raw) == request
    if row.output is None:
        assert answer.output == {}
    else:
        wire = (
            SHIPPED / "settlement" / "samples" / row.output.removeprefix("settlement.") / "good" / "wire.json"
        )
        assert answer.output == json.loads(wire.read_bytes())
