"""`make bench-records`: one bank file of a million payments becomes a million messages on a system's queue.

    GBK file → mapped row by row, totals checked → kept sealed, fsync → committed (message, what is owed, audit entry)
    → one canonical message a record, sealed for the consumer → RabbitMQ quorum queue, confirmed → another process

Everything the consumer got is compared with what the file says, record by record: none lost, none doubled, none wrong.
Absolute figures drift with the machine; the ratio to the floor of the same run is what counts.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.processes import family, running
from bench.records_book import booked, stock
from bench.records_config import configuration
from bench.records_consumer import spooled
from bench.records_file import expected, write
from gateway.bus.private_broker import PrivateBroker
from gateway.canonical.envelope import decode
from gateway.canonical.payment import ItemReturned
from gateway.engine.feed_seal import FeedKey
from gateway.store import open_reader
from gateway.store.settings import StoreSettings

VAR = Path("var/bench/records")
LOG = VAR / "bench.log"
QUEUE = "gateway.feed.core"
#: As RabbitMQ comes, on a machine of 5 GiB; the private broker of the tests takes less memory and disk.
_BROKER = "raft.wal_max_size_bytes = 536870912\nvm_memory_high_watermark.absolute = 2GiB\n"
PEER = 20_000  #: records are enough to see the peer's pace


@contextmanager
def consumer(amqp: str, queue: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """The system that reads the queue, in a process of its own."""
    command = ("-m", "bench.records_consumer", amqp, queue, str(VAR / f"{queue}.spool"), str(count))
    with running(*command, log=LOG) as (process, _):
        yield process


def heard(process: subprocess.Popen[str]) -> Any:
    """The next line a process says, as JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process ended before it had said anything; see {LOG}")
    return json.loads(line)


def peak_mb(pid: int) -> float:
    """The most memory a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def gateway(amqp: str, file: Path, count: int) -> dict[str, Any]:
    """The whole way, once."""
    data = (VAR / "data").resolve()
    data.mkdir(parents=True)
    key = data / "core.key"
    key.write_bytes(base64.b64encode(os.urandom(32)))
    key.chmod(0o600)
    with consumer(amqp, QUEUE, count) as reader:
        began = time.time()
        command = ("-m", "bench.records_gateway", str(data), amqp, str(file.resolve()))
        with running(*command, wait_line=True, log=LOG) as (process, line):
            kept = json.loads(line)
            got = heard(reader)
            settled(data, kept["message"])
            own, *children = family(process.pid)
            memory = {"gateway_mb": peak_mb(own), "store_mb": sum(peak_mb(child) for child in children)}
        took = {
            "keep": kept["keep_s"],
            "accept": kept["accept_s"],
            "feed": got["last"] - kept["accepted_at"],
        }
        overall = got["last"] - (kept["accepted_at"] - kept["keep_s"] - kept["accept_s"])
    return {
        "records": count,
        "file_mb": kept["bytes"] / 2**20,
        "seconds": {**took, "overall": overall, "with_start": got["last"] - began},
        "per_s": {"keep": count / took["keep"], "feed": count / took["feed"], "overall": count / overall},
        **memory,
        **verified(FeedKey.load(key), kept["message"], count),
    }


def book(amqp: str, file: Path, count: int) -> dict[str, Any]:
    """The same file into the book of payments, with an item for every line: each result booked once, with its history."""
    data = (VAR / "book").resolve()
    configured = configuration(data, amqp, "book")
    stock(configured, count)
    command = ("-m", "bench.records_gateway", str(data), amqp, str(file.resolve()), "book")
    with running(*command, log=LOG) as (process, line):
        kept = json.loads(line)
        settled(data, kept["message"], patience=600)
        took = time.time() - kept["accepted_at"]
        own, *children = family(process.pid)
        memory = max(peak_mb(own), *(peak_mb(child) for child in children))
    return {"booked_per_s": count / took, "book_mb": memory, **booked(configured, count)}


def settled(data: Path, message: str, patience: float = 30) -> None:
    """Waits until the store says that everything was delivered."""
    end = time.monotonic() + patience
    with open_reader(StoreSettings.model_validate({"url": f"sqlite:///{data}/gateway.db"})) as reader:
        while time.monotonic() < end:
            if {d.state for d in reader.deliveries_of(message)} == {"accepted"}:
                return
            time.sleep(0.1)
    raise RuntimeError(f"the store does not say that it is done; see {LOG}")


def verified(key: FeedKey, message: str, count: int) -> dict[str, Any]:
    """Everything that came, against what the file says."""
    seen, wrong, twice = bytearray(count + 1), 0, 0
    digest = hashlib.sha256()
    for message_id, body in spooled(VAR / f"{QUEUE}.spool"):
        item = decode(key.open(message_id, body))
        number = int(message_id.rpartition("-")[2])
        twice += seen[number]
        seen[number] = 1
        data = item.data
        right = isinstance(data, ItemReturned) and data.result == expected(number)
        wrong += not (right and item.id == f"{message}-{number}" and item.causation_id == message)
        digest.update(msgspec.json.encode(data))
    lost = count - sum(seen)
    return {"lost": lost, "twice": twice, "wrong": wrong, "digest": digest.hexdigest()}


def publisher(module: str, amqp: str, file: Path, count: int) -> float:
    """Records a second of a publisher that stores nothing, with a consumer beside it as the gateway has one."""
    queue = f"bench.{module}"
    command = ("-m", f"bench.{module}", amqp, queue, str(file))
    with consumer(amqp, queue, count) as reader, running(*command, log=LOG) as (_, line):
        began = json.loads(line)["began"]
        last = heard(reader)["last"]
    return float(count / (last - began))


def measure(count: int, *, with_peer: bool) -> dict[str, Any]:
    """All figures."""
    shutil.rmtree(VAR, ignore_errors=True)
    VAR.mkdir(parents=True)
    file, small = VAR / "return.txt", VAR / "small.txt"
    write(file, count)
    broker = PrivateBroker(VAR / "broker", _BROKER)
    broker.start()
    try:
        floor = publisher("records_floor", broker.url, file, count)
        figures = gateway(broker.url, file, count)
        figures |= book(broker.url, file, count)
        figures["floor_per_s"] = floor
        figures["ratio_to_floor"] = figures["per_s"]["overall"] / floor
        if with_peer:
            write(small, min(count, PEER))
            figures["faststream_per_s"] = publisher("records_faststream", broker.url, small, min(count, PEER))
            figures["ratio_to_faststream"] = figures["per_s"]["overall"] / figures["faststream_per_s"]
    finally:
        broker.stop()
    return figures


def report(figures: dict[str, Any]) -> None:
    """The table."""
    rows = [
        ("records", figures["records"], ""),
        ("checked and kept, records/s", figures["per_s"]["keep"], ""),
        ("accepted (message, debts, audit), s", figures["seconds"]["accept"], ""),
        ("split, sealed, confirmed, consumed, /s", figures["per_s"]["feed"], "≥ 15000"),
        ("booked, with history, records/s", figures["booked_per_s"], "≥ 20000"),
        ("overall to the consumer, records/s", figures["per_s"]["overall"], ""),
        ("floor: lines to the broker, no more, /s", figures["floor_per_s"], ""),
        ("ratio to the floor", figures["ratio_to_floor"], ""),
        ("FastStream, records/s", figures.get("faststream_per_s", float("nan")), ""),
        ("ratio to FastStream", figures.get("ratio_to_faststream", float("nan")), ""),
        ("peak memory of the gateway, MB", figures["gateway_mb"], "≤ 150"),
        ("peak memory of its store process, MB", figures["store_mb"], "≤ 150"),
        ("peak memory of either while booking, MB", figures["book_mb"], "≤ 150"),
        ("lost", figures["lost"], "0"),
        ("twice", figures["twice"], "0"),
        ("wrong", figures["wrong"], "0"),
        ("booked wrongly, twice or not at all", figures["book_wrong"] + figures["book_words_off"], "0"),
    ]
    for name, value, target in rows:
        print(f"  {name:<42}{value:>12,.2f}   {target}")


def main() -> None:
    """Parses the arguments, measures, writes `var/bench/records.json`."""
    parser = argparse.ArgumentParser(prog="make bench-records")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    figures = measure(options.records, with_peer=not options.no_peer)
    report(figures)
    VAR.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(any(figures[name] for name in ("lost", "twice", "wrong", "book_wrong", "book_words_off")))


if __name__ == "__main__":
    main()
