"""Files of rows by themselves; `python -m bench.mappings` prints rows a second and the memory of a large file.

The record is a bank's of eight columns in GBK. The floor of the same run decodes and splits the lines, no more.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gateway.canonical.payment import PaymentBatch, PaymentItem
from mappings import Mapping, load

_ROWS = 50_000
_MANY = 1_000_000
_LENSES = (
    "sequence(8), to: sequence", "text(32 bytes), to: account_no", "text(60 bytes), to: name",
    "text(20 bytes), to: document_no", "money(yuan), to: amount", "flag(1/0), to: inter_bank",
    "text(20 bytes), to: mandate_id", "text(60 bytes), to: remittance",
)  # fmt: skip
_WIDTHS = (8, 32, 60, 20, 15, 1, 20, 60)
_CODECS = {"delimited": "separator: '|'", "fixed": f"length: {sum(_WIDTHS)}"}
_GIVEN = (
    "batch_id", "kind", "created_at", "requested_on", "initiating_party", "initiating_party_id", "own_name",
    "own_account_no", "own_bank_line_no", "inter_bank", "category_purpose", "purpose", "currency", "extension",
    "number_of_transactions", "control_sum",
)  # fmt: skip
_LOST = ("end_to_end_id", "bank_line_no", "bank_name", "bank_place")


def definition(kind: str) -> str:
    """A mapping of a file that holds nothing but rows."""
    ends = [sum(_WIDTHS[: i + 1]) for i in range(len(_WIDTHS))]
    places = {
        "delimited": [f"column: {i}" for i in range(1, 9)],
        "fixed": [f"bytes: {end - width + 1}-{end}" for end, width in zip(ends, _WIDTHS, strict=True)],
    }[kind]
    columns = [
        f"      - {{at: c{i}, {place}, as: {lens}}}"
        for i, (place, lens) in enumerate(zip(places, _LENSES, strict=True))
    ]
    lines = [
        f"mapping: bench.{kind}",
        "version: 1",
        "title: {zh: 代发文件, en: Payment file}",
        "canonical: payment.batch.submitted.v1",
        f"codec: {{kind: {kind}, charset: gbk, line_end: crlf, {_CODECS[kind]}, records: {{item: {{}}}}}}",
        f"elsewhere: [{', '.join(_GIVEN)}]",
        "fields:",
        "  - each: item",
        "    to: items",
        "    fields:",
        *columns,
        "lossy:",
        *[f"  - {{to: items.{name}, why: 文件没有此项}}" for name in _LOST],
    ]
    return "\n".join(lines)


def mapping(kind: str) -> Mapping:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(definition(kind), encoding="utf-8")
        return load(path)


def items(count: int) -> Iterator[PaymentItem]:
    """Invented persons of region 990101."""
    for i in range(1, count + 1):
        yield PaymentItem(
            sequence=i,
            account_no=f"6229990000{i:09d}",
            name=f"测试人员{i % 97}",
            document_no=f"9901011990{i % 10**8:08d}",
            amount=i % 1_000_000,
            inter_bank=i % 2 == 0,
            mandate_id=f"M{i:012d}",
            remittance="城乡居民养老待遇",
        )


_BODY = PaymentBatch(batch_id="B1", kind="credit-transfer", number_of_transactions=0, control_sum=0)
_ELSEWHERE = {name: getattr(_BODY, name) for name in _GIVEN}


def read(which: Mapping, data: bytes) -> int:
    with which.read(io.BytesIO(data), **_ELSEWHERE) as rows:
        return sum(1 for _ in rows)


def floor(data: bytes) -> int:
    return sum(len(line.split("|")) for line in data.decode("gbk").split("\r\n")) // len(_LENSES)


def rate(job: Callable[[], object]) -> float:
    """Records a second, the best of some rounds: what the machine can do when nobody else uses it."""
    took = []
    for _ in range(5):
        start = time.perf_counter()
        job()
        took.append(time.perf_counter() - start)
    return _ROWS / min(took)


def memory(kind: str, count: int) -> int:
    """MiB that a process holds at most while it writes a file of so many rows and reads it again."""
    run = [sys.executable, "-m", "bench.rows", kind, str(count)]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    return int(done.stdout)


def _through(kind: str, count: int) -> None:
    which = mapping(kind)
    with tempfile.TemporaryFile() as file:
        which.write(file, _BODY, items(count))
        file.seek(0)
        with which.read(file, **_ELSEWHERE) as rows:
            assert sum(1 for _ in rows) == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)


def main() -> None:
    """Prints the table."""
    rows = list(items(_ROWS))
    files = {kind: _written(mapping(kind), rows) for kind in _CODECS}
    bare = rate(partial(floor, files["delimited"]))
    print(f"  {'records of 8 columns in GBK':<30}{'read/s':>10}{'of floor':>10}{'write/s':>10}{'MiB':>8}")
    for kind, data in files.items():
        which = mapping(kind)
        reads, writes = rate(partial(read, which, data)), rate(partial(_written, which, rows))
        print(f"  {kind:<30}{reads:>10,.0f}{reads / bare:>10.2f}{writes:>10,.0f}{memory(kind, _MANY):>8}")
    print(f"  {'— floor: decode and split':<30}{bare:>10,.0f}")
    print(f"  {f'— MiB are for {_MANY:,} rows; for 10:':<60}{memory('delimited', 10):>8}")


def _written(which: Mapping, rows: list[PaymentItem]) -> bytes:
    out = io.BytesIO()
    which.write(out, _BODY, rows)
    return out.getvalue()


if __name__ == "__main__":
    _through(sys.argv[1], int(sys.argv[2]))
