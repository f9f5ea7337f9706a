"""A finance officer's day: files in, commands, files out, with the gateway in a process of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.audit import decode
from gateway.books.people import Signed, verify
from gateway.engine.config import load
from gateway.store import open_reader
from tests.payments.office import Office

TIMEOUT = 240.0


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def _request(count: int, batch: str = "A20261122001") -> str:
    rows = "".join(
        f"{n:08}|62299900{n:011}|虚构{n}|990101199001010019|10.00|医保报销|\r\n" for n in range(1, count + 1)
    )
    return f"H|20261122|990101|{batch}|{count}|{count * 10}.00|\r\n{rows}"


def _return(batch: str, count: int) -> str:
    rows = "".join(
        f"{n:08}|62299900{n:011}|虚构{n}|10.00|0|成功|20261122|B{n:09}|\r\n" for n in range(1, count)
    )
    rows += f"{count:08}|62299900{count:011}|虚构{count}|10.00|37|户名不符|||\r\n"
    paid = count - 1
    return f"H|20261122|990101|{batch}|{count}|{count * 10}.00|{paid}|{paid * 10}.00|1|10.00|\r\n{rows}"


def test_nobody_approves_without_people(office: Office) -> None:
    with office.gateway():
        office.put("agency-in", "a.txt", _request(2))
        office.wait(
            lambda: (office.folder / "data" / "gateway.db").exists() and office.run("check"), "the store"
        )
        office.people()
        (office.folder / "people.yaml").rename(office.folder / "people.off")
        told = office.run("payment", "approve", "--account", "resident", *office.by("zhang"), code=1).stderr
        assert "gateway person new" in told


def test_from_file_to_file(office: Office) -> None:
    office.people()
    office.run("check")
    with office.gateway():
        office.put("agency-in", "a.txt", _request(20))
        found = office.wait(
            lambda: (
                (office.folder / "data/gateway.db").exists()
                and office.json("payment", "list", "--account", "resident", "--state", "proposed")
            ),
            "items",
        )
        assert len(found) == 20
        assert found[0]["account_no"].count("*") > 5
        assert "虚构" not in office.run("payment", "list").stdout

        approve = ("payment", "approve", "--account", "resident", *office.by("zhang"))
        assert "20 笔，合计 200.00 元" in office.run(*approve, code=2).stderr
        office.run(*approve, "--confirm")
        office.run("batch", "build", "resident", *office.by("wang"), code=1)  # may not build
        [batch] = office.json("batch", "build", "resident", *office.by("li"))
        assert (batch["count"], batch["sum_fen"], batch["state"]) == (20, 20_000, "built")
        assert list((office.exchange / "bank-in").iterdir()) == []

        release = ("batch", "release", batch["batch"], "--confirm")
        assert "无权" in office.run(*release, *office.by("li"), code=1).stderr
        released = office.json(*release, *office.by("wang"))
        began = time.monotonic()
        office.wait(lambda: list((office.exchange / "bank-in").glob("*.txt")), "the bank's file")
        assert time.monotonic() - began < 20
        office.run(*release, *office.by("wang"), code=1)  # once
        [file] = (office.exchange / "bank-in").glob("*.txt")
        head, *rows = file.read_bytes().decode("gbk").splitlines()
        assert head.split("|")[3:6] == [batch["batch"], "20", "200.00"]
        assert len(rows) == 20
        office.wait(lambda: office.json("batch", "show", batch["batch"])["state"] == "under-way", "under way")

        office.put("bank-out", "r.ret", _return(batch["batch"], 20))
        office.wait(lambda: office.json("batch", "show", batch["batch"])["state"] == "closed", "closed")
        results = office.json("batch", "results", batch["batch"])
        assert [r["state"] for r in results] == ["settled"] * 19 + ["rejected"]
        shown = office.json("payment", "show", results[-1]["id"], "--unmask", "--reason", "核对退回原因")
        assert (shown["name"], shown["history"][0]["text"]) == ("虚构20", "户名不符")
        office.wait(lambda: list((office.exchange / "agency-out").glob("*.ret")), "results for the agency")
        assert office.json("payment", "differences") == []

    _signed_by(office, released, "wang")


def _signed_by(office: Office, released: dict[str, str], name: str) -> None:
    """What an outsider verifies: the audit entry with the public key, and nothing else."""
    configuration = load(office.folder)
    key = next(person.key for person in configuration.people if person.name == name)
    with open_reader(configuration.gateway.store) as reader:
        batch = released["batch"]
        found = reader.by_partner_id("payments", batch)
        assert found is not None
        entries = [decode(entry) for _, _, entry in reader.audit_of(found.message.id)]
    [entry] = [one for one in entries if one.event == "batch.released"]
    assert entry.detail is not None
    signed = Signed(*(str(entry.detail[part]) for part in ("person", "statement", "signature")))
    assert verify(signed, key)
    assert not verify(
        Signed(signed.person, signed.statement.replace('"count":20', '"count":21'), signed.signature), key
    )
    assert f'"batch":"{batch}"' in signed.statement
    assert (entry.actor or "").startswith("os:")


def test_one_person_alone_pays_nobody(office: Office) -> None:
    office.people()
    with office.gateway():
        office.put("agency-in", "a.txt", _request(1))
        ready = (office.folder / "data/gateway.db").exists
        office.wait(lambda: ready() and office.json("payment", "list"), "items")
        me = office.by("zhao")
        office.run("payment", "approve", "--account", "resident", *me, "--confirm")
        [batch] = office.json("batch", "build", "resident", *me)
        told = office.run("batch", "release", batch["batch"], *me, "--confirm", code=1).stderr
        assert "须由他人放行" in told
        office.run("batch", "cancel", batch["batch"], *office.by("li"), "--reason", "改日", "--confirm")
        assert office.json("batch", "show", batch["batch"])["state"] == "cancelled"
        assert list((office.exchange / "bank-in").iterdir()) == []
