"""Which files are complete, and which are companions of others."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.transports.files.companions import (
    Awaited,
    Companion,
    belongs,
    name_of,
    sort_out,
    told,
    written,
)
from gateway.transports.files.content import digests, pieces

COMPANIONS = [".ok", ".md5", ".sm3", "{stem}.flag", "{name}.done", "ready-{stem}"]
NAMES = st.from_regex(r"\A[a-z0-9]{1,6}\.(txt|xml|csv)\Z")


@given(
    st.sets(NAMES, max_size=8), st.lists(st.sampled_from(COMPANIONS), unique=True, max_size=3), st.randoms()
)
def test_complete_is_what_has_all_its_companions(
    documents: set[str], wanted: list[str], random: object
) -> None:
    companions = tuple(wanted)
    stems = {name.split(".")[0]: name for name in documents}
    documents = set(stems.values())  # flags by {stem} cannot tell apart what differs in its ending only
    lacking = {name for name in documents if getattr(random, "random")() < 0.5} if companions else set()  # noqa: B009
    there = {name_of(c, name) for name in documents - lacking for c in companions}
    found = sort_out(documents | there, companions)
    assert found.complete == tuple(sorted(documents - lacking))
    assert found.alone == lacking
    assert all(belongs(name, companions) for name in there)


def test_a_companion_before_its_file_is_alone_and_no_file() -> None:
    found = sort_out({"a.txt.ok", "b.flag", ".hidden", "c.txt.part"}, (".ok", "{stem}.flag"))
    assert found.complete == ()
    assert found.alone == {"a.txt.ok", "b.flag"}


@pytest.mark.parametrize("content", [b"", b"abc" * 1000])
def test_companions_say_the_digest_in_the_order_given(content: bytes) -> None:
    made = list(written("a.txt", lambda: iter((content[:5], content[5:])), (".sm3", "{stem}.ok", ".md5")))
    assert [name for name, _ in made] == ["a.txt.sm3", "a.ok", "a.txt.md5"]
    assert told(made[0][1]) == hashlib.new("sm3", content).hexdigest()
    assert made[1][1] == b""
    assert told(made[2][1]) == hashlib.md5(content).hexdigest() == digests(content).md5
    assert b"".join(pieces(content)) == content


@pytest.mark.parametrize("name", ["/x", "../{name}", "{name}/x", ".hidden", "", "{other}.flag", "a b"])
def test_names_of_companions_stay_in_the_folder(name: str) -> None:
    for kind in (Companion, Awaited):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(name)


@pytest.mark.parametrize("name", ["ready.flag", "{name}", "{stem}"])
def test_each_file_has_a_companion_of_its_own(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Awaited).validate_python(name)
