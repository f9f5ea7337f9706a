"""Reasons, times and numbers as people type them; who looked."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import decode
from gateway.contract import Unavailable
from gateway.desk.lookup import the_message
from gateway.desk.reasons import check_reason
from gateway.desk.record import record
from gateway.desk.refused import NotPossible, SeveralMessages
from gateway.desk.times import time_of
from gateway.desk.viewing import record_view
from gateway.store import open_reader
from tests.cli.conftest import PERSON, Stocked, owe

CHINA = dt.timezone(dt.timedelta(hours=8))
ME = "console:wang"


@given(st.lists(st.integers(1, 17), unique=True), st.sampled_from([" ", "  ", "\u3000"]))
def test_a_number_in_groups_is_a_number(cuts: list[int], gap: str) -> None:
    written = PERSON
    for cut in sorted(cuts, reverse=True):
        written = written[:cut] + gap + written[cut:]
    with pytest.raises(NotPossible) as refused:
        check_reason(f"核对 {written}")
    assert PERSON not in refused.value.zh + refused.value.en


@pytest.mark.parametrize("text", ["", "  ", "一行\n又一行", "长" * 501, "tab\there"])
def test_a_reason_is_one_line(text: str) -> None:
    with pytest.raises(NotPossible):
        check_reason(text)


def test_a_reason_is_kept_as_it_was_said() -> None:
    assert check_reason("  已与对方对账，流水号 REF-12 ") == "已与对方对账，流水号 REF-12"
    assert check_reason("长" * 500) == "长" * 500


def test_a_time_without_offset_is_of_the_zone() -> None:
    eight = 1_767_571_200_000  # 2026-01-05T08:00+08:00
    assert time_of("2026-01-05T08:00", CHINA) == eight
    assert time_of("2026-01-05", CHINA) == eight - 8 * 3_600_000
    assert time_of("2026-01-05T00:00Z", CHINA) == time_of("2026-01-05T08:00+08:00") == eight


@pytest.mark.parametrize(("text", "minutes"), [("30min", 30), ("2h", 120), ("7d", 10080)])
def test_so_long_ago(text: str, minutes: int) -> None:
    assert abs(time.time() * 1000 - minutes * 60_000 - time_of(text, CHINA)) < 5_000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "99999999999d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(NotPossible, match="2026-01-05"):
        time_of(text, CHINA)


def test_a_number_finds_one_message_or_says_which(stocked: Stocked) -> None:
    with open_reader(stocked.configuration.gateway.store) as reader:
        assert the_message(reader, stocked.reply_id) == stocked.message_id
        assert the_message(reader, "clinic-a-77") == stocked.message_id
        with pytest.raises(NotPossible, match="no message unheard"):
            the_message(reader, "unheard")
    another = owe(stocked, "dead")
    with open_reader(stocked.configuration.gateway.store) as reader:
        with pytest.raises(SeveralMessages) as several:
            the_message(reader, "visit-1")
        assert {message.id for message in several.value.candidates} == {stocked.message_id, another}


def test_who_looked_is_on_record_for_each_message(stocked: Stocked) -> None:
    ids = [stocked.message_id, owe(stocked, "dead")]
    record_view(stocked.configuration, ids, "核对", ME, by="console")
    with open_reader(stocked.configuration.gateway.store) as reader:
        entries = [decode(reader.audit_of(message_id)[-1][2]) for message_id in ids]
    assert [(e.event, e.actor, e.detail) for e in entries] == [
        ("payload.viewed", ME, {"reason": "核对", "by": "console"})
    ] * 2


def test_nothing_is_shown_that_is_not_on_record(stocked: Stocked) -> None:
    Path(stocked.configuration.gateway.store.sqlite_path or "").unlink()
    with pytest.raises(Unavailable, match="cannot be audited"):
        record_view(stocked.configuration, [stocked.message_id], "核对", ME, by="console")


def test_what_is_done_to_the_gateway_names_who_did_it(stocked: Stocked) -> None:
    record(stocked.configuration, "key.rotating", {"before": "0a1b2c3d"}, ME)
    with open_reader(stocked.configuration.gateway.store) as reader:
        rows = reader.ask(lambda session: session.rows("SELECT entry FROM audit ORDER BY n DESC LIMIT 1"))
    [entry] = [decode(bytes(row)) for (row,) in rows]
    assert (entry.event, entry.actor, entry.detail) == ("key.rotating", ME, {"before": "0a1b2c3d"})
