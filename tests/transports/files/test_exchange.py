"""Two agencies exchange files over our SFTP server, as processes; the gateway is killed at every step of it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.entry import decode
from tests.transports.files.dying import STEPS
from tests.transports.files.exchange import ROOT, Exchange

CONTENT = "序号|名称\n1|示例\n".encode() * 1000
NAME = "20260105_list.csv"
RECEIPT = [f"{NAME}.receipt.{ending}" for ending in ("entry", "json", "salt", "tlog-proof")]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    made = Exchange(tmp_path)
    yield made
    made.stop()


def proved(exchange: Exchange, name: str, content: bytes) -> None:
    """An outsider checks a receipt by what stands in the folder, and nothing else."""
    folder = exchange.data / "accounts" / "civil-affairs" / "receipts"
    receipt = json.loads((folder / f"{name}.receipt.json").read_bytes())
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    program = [
        sys.executable,
        "gateway/audit/verify.py",
        "receipt",
        str(folder / f"{name}.receipt.tlog-proof"),
    ]
    entry = folder / f"{name}.receipt.entry"
    done = subprocess.run(
        [*program, str(entry), "--vkey", str(folder / "vkey")], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = decode(entry.read_bytes())
    assert (said.event, said.message, said.partner) == (
        "message.accepted",
        receipt["message_id"],
        "civil-affairs",
    )
    salt = (folder / f"{name}.receipt.salt").read_text().strip()
    told = subprocess.run(  # as HOWTO-verify.txt has it
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{salt}"],
        input=content,
        capture_output=True,
        check=True,
    )
    assert said.digest == f"hmac-sha256:{told.stdout.decode().split()[-1]}"


def test_a_file_travels_as_it_is_with_a_receipt_that_anybody_can_verify(exchange: Exchange) -> None:
    exchange.start()
    exchange.upload(NAME, CONTENT)
    exchange.until(lambda: set(RECEIPT) < set(exchange.names("civil-affairs", "receipts")))
    proved(exchange, NAME, CONTENT)
    assert "HOWTO-verify.txt" in exchange.names("civil-affairs", "receipts")
    exchange.until(lambda: exchange.names("federation", "out") == [NAME, f"{NAME}.ok", f"{NAME}.sm3"])
    with exchange.logged_in("federation") as sftp:
        with sftp.open(f"out/{NAME}", "rb") as file:
            assert file.read() == CONTENT
        for name in sftp.listdir("out"):
            sftp.remove(f"out/{name}")
    exchange.upload("20260106_again.csv", CONTENT)  # the same content under another name
    again = "20260106_again.csv.receipt.json"
    exchange.until(lambda: again in exchange.names("civil-affairs", "receipts"))
    first, second = (
        json.loads(exchange.file("civil-affairs", "receipts", n)) for n in (f"{NAME}.receipt.json", again)
    )
    assert (second["state"], second["message_id"]) == ("already-accepted", first["message_id"])
    exchange.upload(NAME, CONTENT + b"\n")  # another content under the same name
    exchange.until(lambda: f"{NAME}.report.json" in exchange.names("civil-affairs", "rejected"))
    assert (
        json.loads(exchange.file("civil-affairs", "rejected", f"{NAME}.report.json"))["code"] == "duplicate"
    )
    assert exchange.names("civil-affairs", "in") == exchange.names("civil-affairs", ".taking") == []
    assert exchange.names("federation", "out") == [], "nothing is delivered twice"
    exchange.stop()
    assert list(exchange.states().values()) == [["accepted"]]
    assert hashlib.sha256(CONTENT).hexdigest() not in exchange.states(), "the audit log tells that number"
    exchange.audited()


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_it_ends_with_one_message_and_a_receipt(exchange: Exchange, step: str) -> None:
    exchange.place(NAME, CONTENT)
    exchange.start(dies=step)
    assert exchange.ended() == -9
    exchange.start()
    exchange.until(lambda: set(RECEIPT) < set(exchange.names("civil-affairs", "receipts")))
    exchange.until(lambda: NAME in exchange.names("federation", "out"))
    exchange.until(lambda: exchange.names("civil-affairs", ".taking") == [])
    proved(exchange, NAME, CONTENT)
    assert exchange.file("federation", "out", NAME) == CONTENT
    assert exchange.names("civil-affairs", "in") == exchange.names("civil-affairs", "rejected") == []
    exchange.stop()
    assert list(exchange.states().values()) == [["accepted"]]
    assert hashlib.sha256(CONTENT).hexdigest() not in exchange.states(), "the audit log tells that number"
    exchange.audited()


def test_killed_again_and_again_no_file_is_lost_or_comes_twice(exchange: Exchange) -> None:
    chance = random.Random(5)
    files = {
        f"2026010{n % 9 + 1}_{n:03}.csv": chance.randbytes(chance.choice([10, 5000, 3 << 20]))
        for n in range(40)
    }
    waiting = iter(files.items())
    for _ in range(8):
        exchange.start()
        for name, content in (next(waiting) for _ in range(5)):
            exchange.upload(name, content)
        time.sleep(chance.uniform(0, 0.5))
        exchange.kill()
    exchange.start()
    receipts = {f"{name}.receipt.tlog-proof" for name in files}
    exchange.until(lambda: receipts <= set(exchange.names("civil-affairs", "receipts")), 60.0)
    exchange.until(lambda: set(files) <= set(exchange.names("federation", "out")), 60.0)
    for name, content in files.items():
        assert exchange.file("federation", "out", name) == content
    exchange.until(lambda: exchange.names("civil-affairs", ".taking") == [])
    exchange.until(lambda: all(states == ["accepted"] for states in exchange.states().values()))
    proved(exchange, *next(iter(files.items())))
    assert len(exchange.states()) == len(files)
    assert not [name for name in exchange.names("civil-affairs", "rejected") if name in files]
    exchange.stop()
    exchange.audited()


def carried(exchange: Exchange, size: int) -> int:
    """A large file from one agency to the other; the gateway's peak of memory beyond what it needs for a small one."""
    exchange.start()
    exchange.place("20260101_small.csv", b"1")
    exchange.until(lambda: "20260101_small.csv.ok" in exchange.names("federation", "out"))
    before = exchange.peak()
    arrived = exchange.data / "accounts" / "civil-affairs" / "in" / f".{NAME}"
    with arrived.open("wb") as file:
        os.truncate(file.fileno(), size)
        file.seek(size // 2)
        file.write(CONTENT)
    with arrived.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new("sm3")).hexdigest()
    arrived.rename(arrived.with_name(NAME))
    arrived.with_name(f"{NAME}.sm3").write_text(digest)
    exchange.until(lambda: f"{NAME}.ok" in exchange.names("federation", "out"), 240.0)
    there = exchange.data / "accounts" / "federation" / "out" / NAME
    assert there.stat().st_size == size
    with there.open("rb") as file:
        assert hashlib.file_digest(file, lambda: hashlib.new("sm3")).hexdigest() == digest
    return exchange.peak() - before


def test_a_large_file_takes_no_more_memory_than_a_small_one(exchange: Exchange) -> None:
    assert carried(exchange, 200 << 20) < 40 << 20


@pytest.mark.long
def test_two_gibibytes_take_no_more_memory(exchange: Exchange) -> None:
    assert carried(exchange, 2 << 30) < 40 << 20
