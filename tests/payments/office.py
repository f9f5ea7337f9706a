"""A folder with a whole configuration: an agency and a bank that exchange files, three people with keys; and the
commands as a finance officer uses them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway.cli.main import app
from tests.payments.world import OUR_ACCOUNT

GATEWAY = """\
node: gw-1
region: "990101"
data_dir: data
bus: {kind: embedded}
audit: {origin: gateway.example/payments}
admin: {listen: 127.0.0.1:0}
engine: {sweep_interval: 500ms}
logs: {level: info, format: json}
"""
ROUTES = """\
- name: proposals
  when: {type: payment.batch.submitted.v1, from: agency-a}
  to: [payments]
- name: results
  when: {type: payment.batch.returned.v1, from: bank-a}
  to: [payments]
- name: back-to-agencies
  when: {type: payment.batch.returned.v1, from: payments}
  to: [agency-a]
- name: days
  when: {type: payment.reconciliation.reported.v1, from: bank-a}
  to: [payments]
"""
AGENCY = """\
name: agency-a
title: 示例区医保中心
adapter: generic
region: "990101"
settings:
  inbound: {kind: folder, path: exchange/agency-in, interval: 200ms}
  outbound:
    kind: folder
    path: exchange/agency-out
    companion: none
    calls: {Results: {name: "{reference}.ret"}}
  operations:
    - name: Propose
      title: {zh: 代发明细, en: items}
      direction: inbound
      type: payment.batch.submitted.v1
      request: shipped:bank/ybdf.request
      id: batch_id
    - name: Results
      title: {zh: 结果, en: results}
      direction: outbound
      type: payment.batch.returned.v1
      request: results.yaml
      reference: "{message_id}"
      idempotent: true
      on_unknown: resend
"""
BANK = """\
name: bank-a
title: 示例银行
adapter: generic
region: "990101"
settings:
  inbound: {kind: folder, path: exchange/bank-out, interval: 200ms}
  outbound:
    kind: folder
    path: exchange/bank-in
    companion: none
    calls: {Submit: {name: "{reference}.txt"}}
  operations:
    - name: Submit
      title: {zh: 提交批次, en: submit a batch}
      direction: outbound
      type: payment.batch.submitted.v1
      request: shipped:bank/ybdf.request
      reference: "YBDF{date}{serial:6}"
      moves_money: true
      on_unknown: manual
    - name: Return
      title: {zh: 回盘, en: return}
      direction: inbound
      type: payment.batch.returned.v1
      request: shipped:bank/ybdf.return
      id: batch_id
"""
RESULTS = """\
mapping: test.results
version: 1
title: {zh: 结果, en: results}
canonical: payment.batch.returned.v1
direction: encode
codec: {kind: json, numbers: number}
fields:
  - {at: batch, to: batch_id, as: text(35), name: 批次号}
  - {at: settled, to: settled_count, as: int, name: 成功笔数}
  - each: items
    to: results
    name: 明细
    fields:
      - {at: no, to: sequence, as: int, name: 序号}
      - {at: status, to: status, as: text(40), name: 状态}
lossy:
"""
PAYMENTS = f"""\
accounts:
  - name: resident
    title: 居民医保支出户
    bank: bank-a
    account_no: "{OUR_ACCOUNT}"
    account_name: 虚构市医保中心
    party_id: "990101"
    kinds: [credit-transfer]
    proposers: [agency-a]
    max_items: 5000
    max_amount: "100000.00"
"""
RIGHTS = {
    "zhang": ["payment.approve", "difference.close"],
    "li": ["batch.build", "batch.cancel"],
    "wang": ["batch.release"],
    "zhao": ["payment.approve", "batch.build", "batch.release"],
}


class Office:
    """The folder, and the commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exchange = folder / "exchange"
        for name in ("agency-in", "agency-out", "bank-in", "bank-out"):
            (self.exchange / name).mkdir(parents=True)
        (folder / "partners").mkdir()
        files = {
            "gateway.yaml": GATEWAY,
            "routes.yaml": ROUTES,
            "payments.yaml": PAYMENTS,
            "results.yaml": RESULTS + _lossy(),
            "partners/agency-a.yaml": AGENCY,
            "partners/bank-a.yaml": BANK,
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("a long passphrase\n", encoding="utf-8")

    def people(self) -> None:
        """Makes everybody's key by the command, and names them in people.yaml."""
        lines = ["people:"]
        for name, may in RIGHTS.items():
            made = self.json(
                "person",
                "new",
                name,
                "--out",
                self.key(name),
                "--passphrase-file",
                self.passphrase,
                configured=False,
            )
            lines.append(
                f"  - {{name: {name}, title: {name}, key: '{made['key']}', may: [{', '.join(may)}]}}"
            )
        (self.folder / "people.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def by(self, name: str) -> tuple[object, ...]:
        """The options by which somebody signs."""
        return ("--as", name, "--key", self.key(name), "--passphrase-file", self.passphrase)

    def run(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        """One command."""
        given = [*map(str, words), "-c", str(self.folder)]
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *given],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "COLUMNS": "200"},
        )
        assert done.returncode == code, (given, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: object, configured: bool = True) -> Any:
        """What one command says to programs; in this process, which takes a tenth of the time."""
        given = [*map(str, words), "--json", *(["-c", str(self.folder)] if configured else [])]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, (given, done.output, done.exception)
        return json.loads(done.stdout)

    @contextmanager
    def gateway(self) -> Iterator[subprocess.Popen[bytes]]:
        """The running gateway."""
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "-c", str(self.folder)], stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
            log.close()

    def put(self, place: str, name: str, text: str) -> None:
        """A file, complete at once, in GBK."""
        draft = self.exchange / place / f".{name}.part"
        draft.write_bytes(text.encode("gbk"))
        draft.rename(self.exchange / place / name)

    def wait(self, holds: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """What `holds` gives once it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = holds()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {seconds} s\n" + (self.folder / "log").read_text()[-4000:])


def _lossy() -> str:
    """Everything else of the body goes nowhere."""
    from msgspec.structs import fields

    from gateway.canonical.payment import BatchReturned, PaymentResult

    kept = {"batch_id", "settled_count", "results", "results.sequence", "results.status"}
    names = [f.name for f in fields(BatchReturned)] + [f"results.{f.name}" for f in fields(PaymentResult)]
    return "".join(f"  - {{to: {name}, why: 只为测试}}\n" for name in names if name not in kept)
