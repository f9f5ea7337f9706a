"""An agency that uploads files to our SFTP server, a bank by SFTP, and a bank online for medical aid."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from adapters.bank.simulator.books import Booked, Books
from adapters.bank.simulator.online import OnlineBank, write_keys
from adapters.bank.simulator.online_cdc import Keys
from demo.people import People
from demo.stage import EXAMPLE, Stage, free_port

BANKING = EXAMPLE / "examples" / "banking"
ONLINE = EXAMPLE / "examples" / "bank-online"
_CHINA = dt.timezone(dt.timedelta(hours=8))
_PARTY = "990101"
_OPTIONS = (
    "-q",
    "-b",
    "-",
    "-o",
    "BatchMode=yes",
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "StrictHostKeyChecking=yes",
)


class Row(NamedTuple):
    """One line of an agency's file. The last digit of the account decides what the banks do with it (`rules.py`)."""

    reference: str
    name: str
    account: str
    amount: str  #: yuan
    mandate: str = ""  #: of a collection


class Banks:
    """The partners of one play. Made after the stage is prepared and before the gateway starts."""

    def __init__(self, stage: Stage, reactor: Any) -> None:
        self.stage = stage
        self.account = stage.folder / "accounts" / "agency"
        self.aid = stage.folder / "exchange" / "medical-aid"
        (self.aid / "in").mkdir(parents=True)
        (self.aid / "out").mkdir()
        self._bank = stage.folder / "bank"
        self.books = Books(self._bank / "books.sqlite")
        self._reactor = reactor
        self._keys = Keys()
        write_keys(self._keys, stage.folder / "bank-online")
        self._port, self._bank_port, self._online_port = free_port(2223), free_port(), free_port()
        self._join()
        self.people = People(stage)

    def _join(self) -> None:
        host, ours = self.stage.folder / "sftp-host-key", self.stage.folder / "agency.key"
        listen = f"127.0.0.1:{self._port}"
        self._known = self.stage.folder / "agency.known_hosts"
        self._known.write_text(f"[127.0.0.1]:{self._port} {_new_key(host)}\n", encoding="ascii")
        came = {
            "listen": listen, "host_key": str(host), "path": str(self.account), "keys": [_new_key(ours)],
            "interval": "100ms",
        }  # fmt: skip
        way = {
            "server": f"127.0.0.1:{self._bank_port}",
            "known_hosts": str(self._bank / "known_hosts"),
        }
        self.stage.join(
            BANKING,
            {
                "agency": {"settings": {"inbound": came, "outbound": {"path": str(self.account)}}},
                "bank": {"settings": {"files": {"outbound": way, "inbound": {**way, "interval": "200ms"}}}},
            },
        )
        keys = self.stage.folder / "bank-online"
        online = {
            "url": f"http://127.0.0.1:{self._online_port}/", "key_file": str(keys / "client.pem"),
            "bank_keys": [str(keys / "bank.pub")], "sm4_key": f"${{file:{keys / 'sm4.key'}}}",
            "poll": {"every": "300ms"}, "refunds": {"every": "500ms", "during": "1d"},
        }  # fmt: skip
        folders = {
            "inbound": {"path": str(self.aid / "in"), "interval": "100ms"},
            "outbound": {"path": str(self.aid / "out")},
        }
        self.stage.join(
            ONLINE,
            {"bank-b": {"settings": {"online": online}}, "medical-aid": {"settings": folders}},
            before=True,
        )

    async def start(self) -> None:
        """The bank by SFTP in a process of its own, the one online in this one: its books can be looked into."""
        listen, profile = f"127.0.0.1:{self._bank_port}", str(BANKING / "profiles" / "bank.yaml")
        self.stage.start_partner(
            (self._bank / "orders").exists,
            *("-m", "adapters.bank.simulator", "--folder", str(self._bank), "--listen", listen),
            *("--profile", profile, "--party", _PARTY),
        )
        self.online = await OnlineBank.start(
            self._reactor, "cmb-cdc", self._keys, progress=2, port=self._online_port
        )

    async def order(self, name: str, times: int = 1) -> None:
        """Tells the bank by SFTP to do something, see `adapters/bank/simulator/orders.py`; returns when it has begun."""
        file = self._bank / "orders" / name
        for _ in range(times):
            file.touch()
            while file.exists():
                await deferLater(self._reactor, 0.05)

    def slip_in(self, reference: str, amount: int) -> None:
        """The bank books a payment that nobody here ordered; fen."""
        paid = Booked(
            reference=f"BK{reference}", batch="ELSEWHERE", day=today().isoformat(), item=reference, name="别家",
            account="6229990000000000901", amount=amount,
        )  # fmt: skip
        self.books.execute(paid.batch, [paid])

    # -- the agency --------------------------------------------------------------------------------------

    @property
    def command(self) -> list[str]:
        """How the agency logs in."""
        key, known = self.stage.folder / "agency.key", f"UserKnownHostsFile={self._known}"
        return ["sftp", *_OPTIONS, "-o", known, "-i", str(key), "-P", str(self._port), "agency@127.0.0.1"]

    async def upload(self, **files: bytes) -> bool:
        """Puts files with their .sm3 into `in/`, all in one session; file names without `.txt` → content."""
        outgoing = self.stage.folder / "agency-outgoing"
        outgoing.mkdir(exist_ok=True)
        puts = []
        for stem, content in files.items():
            for name, what in ((f"{stem}.txt", content), (f"{stem}.txt.sm3", _sm3(content))):
                (outgoing / name).write_bytes(what)
                puts.append(outgoing / name)
        return bool(await deferToThread(self._put if shutil.which("sftp") else self._put_by_paramiko, puts))

    def _put(self, files: list[Path]) -> bool:
        said = "".join(f'put "{file}" in/\n' for file in files)
        return (
            subprocess.run(self.command, input=said.encode(), capture_output=True, check=False).returncode
            == 0
        )

    def _put_by_paramiko(self, files: list[Path]) -> bool:
        import paramiko  # noqa: PLC0415 - only where OpenSSH is not installed

        with paramiko.Transport(("127.0.0.1", self._port)) as transport:
            key = paramiko.Ed25519Key.from_private_key_file(str(self.stage.folder / "agency.key"))
            transport.connect(username="agency", pkey=key)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            for file in files:
                client.put(str(file), f"in/{file.name}", confirm=False)  # what was put cannot be looked at
        return True

    def receipt(self, stem: str) -> dict[str, Any] | None:
        """What a file's receipt says, once it is there."""
        return _json(self.account / "receipts" / f"{stem}.txt.receipt.json")

    def proven(self, stem: str) -> bool:
        """Whether the proof has joined the receipt."""
        return (self.account / "receipts" / f"{stem}.txt.receipt.tlog-proof").exists()

    def report(self, stem: str) -> dict[str, Any] | None:
        """Why a file was refused, once that is known."""
        return _json(self.account / "rejected" / f"{stem}.txt.report.json")

    def results(self, batch: str) -> list[Path]:
        """Result files that lie complete in the agency's `out/` and speak of this batch of its own."""
        found = sorted((self.account / "out").glob("JG_*.txt"))
        return [file for file in found if file.with_name(f"{file.name}.sm3").exists() and _about(file, batch)]

    def put_aid(self, name: str, content: bytes) -> None:
        """The medical aid system hands in a file: the content first, then its companion."""
        (self.aid / "in" / name).write_bytes(content)
        (self.aid / "in" / f"{name}.ok").touch()


def disbursement(batch: str, rows: Sequence[Row], total: str = "", charset: str = "gbk") -> bytes:
    """An agency's disbursement file; `total` (yuan) where it is to be another than it is."""
    lines = [f"{row.reference}|{row.name}|{row.account}|||{row.amount}|医保报销" for row in rows]
    return _written(batch, rows, lines, total, charset)


def collection(batch: str, rows: Sequence[Row]) -> bytes:
    """An agency's collection file."""
    lines = [f"{r.reference}|{r.name}|{r.account}|||{r.amount}|{r.mandate}|居民医保费" for r in rows]
    return _written(batch, rows, lines, "", "gbk")


def today() -> dt.date:
    """China's."""
    return dt.datetime.now(_CHINA).date()


def yuan(rows: Sequence[Row]) -> str:
    """What rows come to."""
    fen = sum(int(row.amount.replace(".", "")) for row in rows)
    return f"{fen // 100}.{fen % 100:02d}"


def _written(batch: str, rows: Sequence[Row], lines: list[str], total: str, charset: str) -> bytes:
    head = f"H|{today():%Y%m%d}|{_PARTY}|{batch}|{len(rows)}|{total or yuan(rows)}"
    return "".join(f"{line}\r\n" for line in (head, *lines)).encode(charset)


def _about(file: Path, batch: str) -> bool:
    with file.open("rb") as content:
        return f"|{batch}|".encode() in content.readline()


def _json(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


def _sm3(content: bytes) -> bytes:
    return hashlib.new("sm3", content).hexdigest().encode()


def _new_key(file: Path) -> str:
    """An SSH key in a file of its own; its public half."""
    key = Ed25519PrivateKey.generate()
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
