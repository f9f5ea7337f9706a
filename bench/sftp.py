"""`make bench-sftp`: SFTP against OpenSSH's in the same run, on loopback.

    floor    OpenSSH's `sftp` ──► sshd
    server   OpenSSH's `sftp` ──► our server      ratio to the floor: what our server costs
    client   our client       ──► sshd            ratio to the floor: what our client costs

Each does the same work with the same cipher: one large file up and down, and many small ones up and down. They take
turns; figures are medians over the rounds, logging in included. Servers are processes of their own. Our server has
everything on but a store to audit into: how long a commit takes is the business of `make bench`.

OpenSSH syncs nothing to the disk unless it is asked to (`put -f`: the file, not its folder). Our server syncs a file and its
folder before it says that it has them, our client has a file synced wherever it puts it. So small files go up in both ways;
what the disk alone takes is measured, too: nothing durable can be quicker.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from bench.processes import running
from bench.sftp_sides import SSHD, sshd

VAR = Path("var/bench")
LOG = VAR / "sftp.log"
#: What OpenSSH's own client prefers of that which both sides have, and the quickest.
CIPHERS = ("aes128-ctr", "aes128-gcm@openssh.com")
MAC = "hmac-sha2-256"
JOBS = ("large up", "large down", "small up", "small up -f", "small down")
TARGETS = {"large": 0.7, "small": 0.6}


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be carried: `big` and `small/*` in a folder, and where it goes."""

    folder: Path
    mib: int
    files: int

    @property
    def small(self) -> list[Path]:
        return sorted((self.folder / "small").iterdir())


@dataclass(frozen=True, slots=True)
class Side:
    """A server that runs: where its clients put files and find them."""

    user: str
    port: int
    pid: int
    into: str
    out: str
    host_key: str


def carried(work: Work, side: Side, key: Path, cipher: str, job: str) -> list[str]:
    """The command of OpenSSH's client for a job."""
    local, back = work.folder, work.folder / "back"
    batch = {
        "large up": f"put {local}/big {side.into}/big\n",
        "large down": f"get {side.out}/big {back}/big\n",
        "small up": "".join(f"put {file} {side.into}/{file.name}\n" for file in work.small),
        "small up -f": "".join(f"put -f {file} {side.into}/{file.name}\n" for file in work.small),
        "small down": "".join(f"get {side.out}/{file.name} {back}/{file.name}\n" for file in work.small),
    }[job]
    (local / "batch").write_text(batch)
    return [
        "sftp", "-q", "-b", str(local / "batch"), "-P", str(side.port), "-i", str(key), "-F", "/dev/null",
        "-o", f"Ciphers={cipher}", "-o", f"MACs={MAC}", "-o", "StrictHostKeyChecking=no",
        "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", f"{side.user}@127.0.0.1",
    ]  # fmt: skip


def ours(work: Work, side: Side, key: Path, cipher: str, job: str) -> list[str]:
    """The command of our client for a job."""
    return [
        sys.executable, "-m", "bench.sftp_sides", "client", job, str(work.folder), side.user, str(side.port),
        side.host_key, str(key), cipher, side.into, side.out,
    ]  # fmt: skip


@contextmanager
def our_server(folder: Path, key: Path) -> Iterator[Side]:
    command = ("-m", "bench.sftp_sides", "server", str(folder), str(key))
    with running(*command, log=LOG) as (process, line):
        yield Side("agency", int(line), process.pid, "in", "out", "")


def timed(command: list[str]) -> float:
    """Seconds a command takes, or says that it took: an interpreter's start is not what is measured."""
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:]}")
    return float(done.stdout) if command[0] == sys.executable else time.monotonic() - began


def durable(folder: Path, files: int, *, renamed: bool) -> float:
    """Files/s of the disk alone: each is written and synced, and perhaps renamed with its folder synced."""
    opened = os.open(folder, os.O_RDONLY)
    content = os.urandom(20_000)
    began = time.monotonic()
    for number in range(files):
        made = os.open(f"{number}", os.O_WRONLY | os.O_CREAT, dir_fd=opened)
        os.write(made, content)
        os.fsync(made)
        os.close(made)
        if renamed:
            os.rename(f"{number}", f"{number}.xml", src_dir_fd=opened, dst_dir_fd=opened)
            os.fsync(opened)
    os.close(opened)
    return files / (time.monotonic() - began)


def cleared(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def prepared(folder: Path, mib: int, files: int) -> Work:
    (folder / "small").mkdir()
    (folder / "back").mkdir()
    with (folder / "big").open("wb") as big:
        for _ in range(mib):
            big.write(os.urandom(1 << 20))
    for number in range(files):
        (folder / "small" / f"{number:04}.xml").write_bytes(os.urandom(20_000))
    return Work(folder, mib, files)


Maker = Callable[[Work, Side, Path, str, str], list[str]]


def measured(
    work: Work, contestants: dict[str, tuple[Maker, Side, Path]], key: Path, cipher: str, rounds: int
) -> dict[str, dict[str, float]]:
    """MiB/s and files/s of each contestant for each job."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    for _ in range(rounds):
        for job in JOBS:
            for name, (make, side, into) in contestants.items():
                cleared(into)
                cleared(work.folder / "back")
                seconds = timed(make(work, side, key, cipher, job))
                amount = work.mib if job.startswith("large") else work.files
                found[name].setdefault(job, []).append(amount / seconds)
    return {
        name: {job: statistics.median(values) for job, values in jobs.items()} for name, jobs in found.items()
    }


def shown(cipher: str, figures: dict[str, dict[str, float]]) -> None:
    mac = "" if "gcm" in cipher else f" + {MAC}"
    sys.stdout.write(
        f"\n{cipher}{mac}\n{'':12}{'floor':>10}{'server':>10}{'ratio':>7}{'client':>10}{'ratio':>7}\n"
    )
    for job in JOBS:
        floor, server, client = (figures[name][job] for name in ("floor", "server", "client"))
        target = TARGETS[job.split()[0]]
        unit = "MiB/s" if job.startswith("large") else "files/s"
        marks = ["" if value / floor >= target else " !" for value in (server, client)]
        sys.stdout.write(
            f"{job:12}{floor:10.0f}{server:10.0f}{server / floor:7.2f}{client:10.0f}{client / floor:7.2f}"
            f"  {unit}, target {target}{marks[0] and '  server below'}{marks[1] and '  client below'}\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cipher", action="append", choices=CIPHERS)
    asked = parser.parse_args()
    if SSHD is None or shutil.which("sftp") is None:
        sys.exit(
            "没有 OpenSSH 的服务器或客户端：scripts/install-openssh / OpenSSH's server or client is missing: scripts/install-openssh"
        )
    VAR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=VAR, prefix="sftp-") as made:
        folder = Path(made).resolve()
        work_folder, theirs, own, key = folder / "work", folder / "theirs", folder / "ours", folder / "key"
        work_folder.mkdir()
        (theirs / "in").mkdir(parents=True)
        work = prepared(work_folder, asked.mib, asked.files)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with (
            sshd(folder, key.with_suffix(".pub").read_text(), LOG) as (pid, port, host_key),
            our_server(own, key) as our,
        ):
            for file in (work_folder / "big", *work.small):
                os.link(file, own / "out" / file.name)
            (theirs / "out").symlink_to(own / "out")
            their = Side(getuser(), port, pid, str(theirs / "in"), str(theirs / "out"), host_key)
            contestants: dict[str, tuple[Maker, Side, Path]] = {
                "floor": (carried, their, theirs / "in"),
                "server": (carried, our, own / "in"),
                "client": (ours, their, theirs / "in"),
            }
            results: dict[str, dict[str, dict[str, float]]] = {}
            for cipher in asked.cipher or CIPHERS:
                results[cipher] = measured(work, contestants, key, cipher, asked.rounds)
                shown(cipher, results[cipher])
            for renamed in (False, True):
                cleared(work_folder / "back")
                rate = durable(work_folder / "back", asked.files, renamed=renamed)
                results.setdefault("disk", {})[f"{1 + renamed} syncs"] = {"small": rate}
                sys.stdout.write(f"the disk alone, {1 + renamed} syncs a file: {rate:.0f} files/s\n")
        (VAR / "sftp.json").write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
