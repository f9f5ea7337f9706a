"""Verifies a Tongqu audit log or a receipt. Stand-alone: one file, Python 3.11 and `cryptography`.

    python verify.py log FOLDER --vkey FILE [--since OLD_CHECKPOINT] [--progress]
    python verify.py receipt RECEIPT ENTRY --vkey FILE

Exit status: 0 verified, 1 not verified, 2 could not check (arguments, unreadable files).

This file is handed to outsiders who should not have to trust the gateway. It therefore imports nothing of
the gateway and repeats its Merkle arithmetic and note format on purpose, written separately; the tests
hold the two against each other. That is also why it is longer than the house's other files.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
HASH = 32
_SHOWN = 20  # problems printed in full
_FILE = re.compile(r"tile/(entries|\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?")


class NotVerified(Exception):
    """The thing checked is wrong. Says so in Chinese and in English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class CannotCheck(NotVerified):
    """Nothing can be said: the material for the check is missing."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    place: str
    zh: str
    en: str


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes


@dataclass
class LogReport:
    """What a verification covered and what it found."""

    checkpoint: Checkpoint | None = None
    entries: int = 0
    tiles: int = 0
    bundles: int = 0
    older: int = 0  #: partial tiles of earlier checkpoints that are still there
    ahead: int = 0  #: files of a step whose checkpoint is not published yet
    since: int | None = None  #: size of the earlier checkpoint
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


# --- Merkle tree, RFC 6962 -------------------------------------------------------------------------------


def _up(row: bytes) -> bytes:
    """The parents of a row of concatenated hashes (an odd last one has none)."""
    return b"".join([sha256(b"\x01" + row[i : i + 64]).digest() for i in range(0, len(row) - HASH, 64)])


def _peaks(row: bytes, right: bytes) -> bytes:
    """The tree over a row, with the tree `right` (or nothing, b"") to its right."""
    while row:
        if len(row) % 64:
            right = sha256(b"\x01" + row[-HASH:] + right).digest() if right else row[-HASH:]
        row = _up(row)
    return right


def _tree_root(size: int, row: Callable[[int, int, int], bytes]) -> bytes:
    """The root of `size` entries; `row(level, start, end)` gives hashes of the unfinished tile of a level."""
    right, level = b"", 0
    while end := size >> 8 * level:
        right = _peaks(row(level, end - end % WIDTH, end), right)
        level += 1
    return right or sha256(b"").digest()


def _included(index: int, size: int, found: bytes, proof: list[bytes]) -> bytes | None:
    """The root an inclusion proof leads to, walking down the tree's shape; None if the proof does not fit."""
    steps = []  # from the root: is the sibling on the left?
    low, high = 0, size
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        steps.append(index >= middle)
        low, high = (middle, high) if index >= middle else (low, middle)
    if len(steps) != len(proof):
        return None
    for left, sibling in zip(reversed(steps), proof, strict=True):
        found = sha256(b"\x01" + (sibling + found if left else found + sibling)).digest()
    return found


# --- signed notes ----------------------------------------------------------------------------------------


def _unbase64(text: str) -> bytes:
    """Strict base64, or b"" (which is of the right length nowhere)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


def _keys(vkeys: str) -> dict[tuple[str, bytes], bytes]:
    """(name, key id) → Ed25519 public key, from verifier keys, one a line."""
    keys = {}
    for line in filter(None, map(str.strip, vkeys.splitlines())):
        if line.startswith("#"):
            continue
        name, key_hex, encoded = (*line.split("+", 2), "", "")[:3]
        data = _unbase64(encoded)
        key_id = sha256(f"{name}\n".encode() + data).digest()[:4]
        if key_id.hex() != key_hex or len(data) != 33 or data[0] != 0x01:
            raise CannotCheck(f"验证公钥无效：{line[:60]}", f"invalid verifier key: {line[:60]}")
        keys[name, key_id] = data[1:]
    if not keys:
        raise CannotCheck("没有验证公钥", "no verifier key")
    return keys


def _valid(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def open_checkpoint(note: bytes, vkeys: str) -> Checkpoint:
    """The checkpoint in a signed note.

    Raises:
        NotVerified: malformed, altered, or not signed by one of the keys.
    """
    keys = _keys(vkeys)
    bad = NotVerified("检查点格式无效", "malformed checkpoint")
    try:
        text, blank, tail = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise bad from None
    if not blank or not tail.endswith("\n"):
        raise bad
    signers = set()
    for line in tail[:-1].split("\n"):
        dash, name, encoded = (*line.split(" ", 2), "", "")[:3]
        blob = _unbase64(encoded)
        if dash != "\u2014" or not name or len(blob) < 5:
            raise bad
        public = keys.get((name, blob[:4]))
        if public and not _valid(public, f"{text}\n".encode(), blob[4:]):
            raise NotVerified(f"检查点签名无效（{name}）", f"the checkpoint's signature by {name} is wrong")
        if public:
            signers.add(name)
    return _parse_checkpoint(text, signers)


def _parse_checkpoint(text: str, signers: set[str]) -> Checkpoint:
    origin, size, root = (*text.split("\n"), "", "")[:3]
    if origin not in signers:
        raise NotVerified("检查点没有该公钥的签名", "the checkpoint is not signed by this key")
    if not re.fullmatch(r"0|[1-9][0-9]*", size) or len(_unbase64(root)) != HASH:
        raise NotVerified("检查点格式无效", "malformed checkpoint")
    return Checkpoint(origin, int(size), _unbase64(root))


# --- receipts --------------------------------------------------------------------------------------------


def verify_receipt(receipt: bytes, entry: bytes, vkeys: str) -> tuple[int, Checkpoint]:
    """The index of the entry and the checkpoint that covers it.

    Raises:
        NotVerified: the receipt does not prove that these bytes are in the log.
    """
    head, _, note = receipt.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise NotVerified("不是存证回执", "this is not a receipt")
    body = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
    number = re.fullmatch(r"index (0|[1-9][0-9]*)", body[0]) if body else None
    proof = [_unbase64(line) for line in body[1:]]
    if number is None or any(len(value) != HASH for value in proof):
        raise NotVerified("回执格式无效", "malformed receipt")
    checkpoint, index = open_checkpoint(note, vkeys), int(number[1])
    leaf = sha256(b"\x00" + entry).digest()
    if index >= checkpoint.size or _included(index, checkpoint.size, leaf, proof) != checkpoint.root:
        raise NotVerified(
            f"回执不能证明该条目（索引 {index}）在日志中：条目或回执被改动",
            f"the receipt does not prove this entry at index {index}: entry or receipt was altered",
        )
    return index, checkpoint


# --- the whole log ---------------------------------------------------------------------------------------


def _name(kind: int | str, number: int, width: int = WIDTH) -> str:
    """The path of a tile (kind: its level) or bundle (kind: `entries`)."""
    digits = f"{number:0{-(-len(str(number)) // 3) * 3}d}"
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{kind}/{path}" + (f".p/{width}" if width < WIDTH else "")


def _bundle_row(bundle: bytes) -> tuple[bytes, bool]:
    """The leaf hashes of a bundle as far as it can be read, and whether it could be read to its end."""
    leaves: list[bytes] = []
    at, end = 0, len(bundle)
    while at + 2 <= end:
        start = at + 2
        at = start + (bundle[at] << 8 | bundle[at + 1])
        if at > end:
            return b"".join(leaves), False
        leaves.append(sha256(b"\x00" + bundle[start:at]).digest())
    return b"".join(leaves), at == end


def _differing(row: bytes, other: bytes) -> list[int]:
    """Where two rows differ; a missing hash differs."""
    if row == other:
        return []
    count = -(-max(len(row), len(other)) // HASH)
    return [i for i in range(count) if row[i * HASH : (i + 1) * HASH] != other[i * HASH : (i + 1) * HASH]]


#: Told how many entries have been read, and how many there are.
Watch = Callable[[int, int], None]


class _Log:
    """One verification: bottom-up through all levels, then a judgement of what disagreed from the top down."""

    def __init__(self, folder: Path, report: LogReport, checkpoint: Checkpoint, watch: Watch) -> None:
        self.folder = folder
        self.report = report
        self.watch = watch
        self.size = checkpoint.size
        self.root = checkpoint.root
        self.rows: list[bytes] = [b""]  # level → its hashes; level 0 is read again where needed
        self.differing: list[list[int]] = [[]]  # level → hashes that differ from what is below them

    def check(self) -> None:
        row, level = self._check_entries(), 1
        while row:
            row = self._check_level(level, row)
            level += 1
        self._judge(_tree_root(self.size, self.row) == self.root)
        self._check_other_files()

    def problem(self, place: str, zh: str, en: str) -> None:
        self.report.problems.append(Problem(place, zh, en))

    def width(self, kind: int | str, number: int) -> int:
        level = kind if isinstance(kind, int) else 0
        return min(WIDTH, (self.size >> 8 * level) - number * WIDTH)

    def read(self, kind: int | str, number: int) -> tuple[bytes | None, int]:
        """A tile or bundle, or the full one that a partial one has become since, with the width it must have.

        None if neither is there.
        """
        today = self.width(kind, number)
        for width in dict.fromkeys((today, WIDTH)):
            try:
                return (self.folder / _name(kind, number, width)).read_bytes(), width
            except FileNotFoundError:
                continue
        return None, today

    def tile(self, level: int, number: int) -> bytes | None:
        """The hashes of a tile; a missing or short one is a problem."""
        data, width = self.read(level, number)
        if data is None or len(data) != width * HASH:
            name = _name(level, number, width)
            self.problem(name, f"{name} 缺失或长度不对", f"{name} is missing or has the wrong length")
            return None
        self.report.tiles += 1
        return data[: self.width(level, number) * HASH]

    def row(self, level: int, start: int, end: int) -> bytes:
        """Hashes of one level that lie in one tile."""
        if level:
            return self.rows[level][start * HASH : end * HASH]
        data = self.read(0, start // WIDTH)[0] if end > start else b""
        return (data or b"")[: (end - start) * HASH]

    def _check_entries(self) -> bytes:
        """Every bundle against its level-0 tile. Returns what level 1 must be."""
        above = []
        for number in range(-(-self.size // WIDTH)):
            tile, leaves = self.tile(0, number), self._leaves(number)
            if tile is not None and leaves is not None and tile != leaves:
                self.differing[0] += [number * WIDTH + i for i in _differing(tile, leaves)]
            if self.width(0, number) == WIDTH:
                above.append(_peaks(tile or leaves or bytes(HASH), b""))
            self.watch(min(self.size, (number + 1) * WIDTH), self.size)
        return b"".join(above)

    def _leaves(self, number: int) -> bytes | None:
        data, width = self.read("entries", number)
        name = _name("entries", number, width)
        if data is None:
            self.problem(name, f"{name} 缺失", f"{name} is missing")
            return None
        self.report.bundles += 1
        row, whole = _bundle_row(data)
        count = len(row) // HASH
        covered = self.width("entries", number)
        self.report.entries += min(count, covered)
        if not whole or count != width:
            self.problem(
                name,
                f"{name} 应有 {width} 个条目，只能读出 {count} 个（从索引 {number * WIDTH} 起）",
                f"{name} should hold {width} entries, {count} can be read (from index {number * WIDTH} on)",
            )
        return row[: covered * HASH]

    def _check_level(self, level: int, below: bytes) -> bytes:
        """Every tile of a level against the tiles below. Returns what the next level must be."""
        tiles = []
        for number in range(-(-len(below) // (WIDTH * HASH))):
            expected = below[number * WIDTH * HASH : (number + 1) * WIDTH * HASH]
            tiles.append(self.tile(level, number) or expected)
        self.rows.append(b"".join(tiles))
        self.differing.append(_differing(self.rows[level], below))
        return b"".join([_peaks(tile, b"") for tile in tiles if len(tile) == WIDTH * HASH])

    def _judge(self, signed: bool) -> None:
        """Name what was altered. Where the signed root vouches for a tile, what disagrees below it is wrong."""
        bad: set[tuple[int, int]] = set()
        for level in range(len(self.differing) - 1, 0, -1):
            for index in self.differing[level]:
                if (level, index // WIDTH) in bad:
                    continue
                below = any(i // WIDTH == index for i in self.differing[level - 1])
                bad.add((level - 1, index) if signed or below else (level, index // WIDTH))
        for level, number in sorted(bad, reverse=True):
            self._blame_tile(level, number)
        for index in self.differing[0]:
            if (0, index // WIDTH) not in bad:
                self._blame_entry(index, signed)
        if not signed:
            self.problem(
                "checkpoint",
                f"由文件计算的根与检查点（{self.size} 个条目）不符",
                f"the root computed from the files is not that of the checkpoint ({self.size} entries)",
            )

    def _blame_tile(self, level: int, number: int) -> None:
        name = _name(level, number, self.width(level, number))
        wrong = [i for i in self.differing[level] if i // WIDTH == number]
        if wrong:
            some = ", ".join(str(i % WIDTH) for i in wrong[:5]) + (" …" if len(wrong) > 5 else "")
            span = WIDTH**level
            self.problem(
                name,
                f"{name} 的第 {some} 个哈希错误（首个涉及索引 {wrong[0] * span}）",
                f"{name} is wrong in hash {some} (the first covers entries from index {wrong[0] * span} on)",
            )
        else:
            first, last = number * WIDTH ** (level + 1), (number + 1) * WIDTH ** (level + 1) - 1
            self.problem(
                name,
                f"{name} 不是当初签署的内容，其下索引 {first} 至 {last} 的条目被一并改动",
                f"{name} is not what was signed; it was altered together with entries {first} to {last}",
            )

    def _blame_entry(self, index: int, signed: bool) -> None:
        number = index // WIDTH
        bundle, tile = (_name(kind, number, self.width(kind, number)) for kind in ("entries", 0))
        if signed:
            zh, en = (
                f"{bundle} 中索引 {index} 的条目被改动",
                f"the entry at index {index} in {bundle} was altered",
            )
        else:
            zh = f"索引 {index} 的条目（{bundle}）与 {tile} 的第 {index % WIDTH} 个哈希不符"
            en = f"the entry at index {index} ({bundle}) and hash {index % WIDTH} of {tile} disagree"
        self.problem(bundle if signed else tile, zh, en)

    def _check_other_files(self) -> None:
        """Partial tiles of earlier checkpoints must be beginnings of today's; what is ahead is only counted."""
        for name, kind, number, width in _files(self.folder):
            today = self.width(kind, number)
            if width == today:
                continue
            if width > today:
                self.report.ahead += 1
                continue
            try:
                beginning = self._is_beginning(name, kind, number, width)
            except FileNotFoundError:
                continue  # a running gateway clears away what has become whole
            if not beginning:
                self.problem(
                    name, f"{name} 与当前数据不符", f"{name} is not the beginning of what it has become"
                )
            else:
                self.report.older += 1

    def _is_beginning(self, name: str, kind: int | str, number: int, width: int) -> bool:
        data, today = (self.folder / name).read_bytes(), self.read(kind, number)[0] or b""
        if isinstance(kind, int):
            return len(data) == width * HASH and today.startswith(data)
        row, whole = _bundle_row(data)
        return whole and len(row) == width * HASH and today.startswith(data)


def _files(folder: Path) -> Iterator[tuple[str, int | str, int, int]]:
    """(path, level or `entries`, number, width) of every tile and bundle in the folder."""
    for directory, _, names in os.walk(folder / "tile"):
        for name in names:
            path = (Path(directory) / name).relative_to(folder).as_posix()
            if found := _FILE.fullmatch(path):
                kind = found[1] if found[1] == "entries" else int(found[1])
                number = int(found[2].replace("x", "").replace("/", ""))
                yield path, kind, number, int(found[3] or WIDTH)


def verify_log(
    folder: Path, vkeys: str, since: bytes | None = None, watch: Watch = lambda _read, _size: None
) -> LogReport:
    """Verify a whole log: signature, every tile, every entry, the root, optionally an earlier checkpoint.

    Args:
        folder: the log folder, or a copy of it.
        vkeys: the log's verifier key (several lines if the key was ever changed).
        since: an earlier signed checkpoint that the log must continue.
        watch: told of the progress now and then.

    Raises:
        CannotCheck: no such folder, or the verifier key is unusable.
    """
    _keys(vkeys)
    if not folder.is_dir():
        raise CannotCheck(f"没有日志目录 {folder}", f"there is no log folder {folder}")
    report = LogReport()
    try:
        note = (folder / "checkpoint").read_bytes()
        report.checkpoint = open_checkpoint(note, vkeys)
        earlier = open_checkpoint(since, vkeys) if since is not None else None
    except FileNotFoundError:
        report.problems.append(Problem("checkpoint", "检查点缺失", "the checkpoint is missing"))
        return report
    except NotVerified as error:
        place = "checkpoint" if report.checkpoint is None else "--since"
        report.problems.append(Problem(place, error.zh, error.en))
        return report
    log = _Log(folder, report, report.checkpoint, watch)
    log.check()
    if earlier is not None:
        report.since = earlier.size
        _check_since(log, earlier)
    return report


def _check_since(log: _Log, earlier: Checkpoint) -> None:
    """The whole tree is at hand, so its root at the earlier size is computed instead of asking for a proof."""
    if earlier.size > log.size:
        log.problem(
            "--since",
            f"日志比先前的检查点短：{log.size} < {earlier.size}",
            f"the log is shorter than the earlier checkpoint: {log.size} < {earlier.size}",
        )
    elif log.report.checkpoint is None or earlier.origin != log.report.checkpoint.origin:
        log.problem("--since", "先前的检查点属于另一日志", "the earlier checkpoint is of another log")
    elif _tree_root(earlier.size, log.row) != earlier.root:
        log.problem(
            "--since",
            f"日志的前 {earlier.size} 个条目不是先前检查点所签署的：日志被改写",
            f"the first {earlier.size} entries are not those of the earlier checkpoint: history was rewritten",
        )


# --- command line ----------------------------------------------------------------------------------------


def _write(lines: list[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Chinese still shows the English
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _tell_progress(read: int, size: int) -> None:
    sys.stderr.write(f"\r{read}/{size}" + ("\n" if read == size else ""))
    sys.stderr.flush()


def describe(report: LogReport) -> list[str]:
    """The report in Chinese, then in English: as many lines of the one as of the other."""
    found = report.problems
    zh = [problem.zh for problem in found[:_SHOWN]]
    en = [problem.en for problem in found[:_SHOWN]]
    if len(found) > _SHOWN:
        zh.append(f"……另有 {len(found) - _SHOWN} 处")
        en.append(f"... and {len(found) - _SHOWN} more")
    done_zh, done_en = _covered(report)
    verdict = "通过" if report.ok else "未通过"
    return [
        f"审计日志验证{verdict}",
        *(f"  已检查：{line}" for line in done_zh),
        *(f"  错误：{line}" for line in zh),
        f"Audit log {'verified' if report.ok else 'NOT verified'}",
        *(f"  checked: {line}" for line in done_en),
        *(f"  wrong: {line}" for line in en),
    ]


def _covered(report: LogReport) -> tuple[list[str], list[str]]:
    if report.checkpoint is None:
        return [], []
    name, size, root = report.checkpoint.origin, report.checkpoint.size, report.checkpoint.root.hex()
    zh = [
        f"检查点签名（{name}，{size} 个条目，根 {root}）",
        f"条目 {report.entries} 个、条目文件 {report.bundles} 个、哈希文件 {report.tiles} 个",
        f"以往的部分文件 {report.older} 个；尚未签署的文件 {report.ahead} 个（未计入）",
    ]
    en = [
        f"checkpoint signature ({name}, {size} entries, root {root})",
        f"{report.entries} entries, {report.bundles} bundles, {report.tiles} tiles",
        f"{report.older} earlier partial files; {report.ahead} files not signed yet (not covered)",
    ]
    if report.since is not None:
        zh.append(f"与先前检查点（{report.since} 个条目）的一致性")
        en.append(f"consistency with the earlier checkpoint ({report.since} entries)")
    return zh, en


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotCheck(f"无法读取 {path}", f"cannot read {path} ({error.strerror})") from None


def _run(arguments: argparse.Namespace) -> int:
    vkeys = _read(arguments.vkey).decode("utf-8", "replace")
    if arguments.what == "log":
        since = _read(arguments.since) if arguments.since else None
        watch = {"watch": _tell_progress} if arguments.progress else {}
        report = verify_log(arguments.folder, vkeys, since, **watch)
        _write(describe(report))
        return 0 if report.ok else 1
    index, checkpoint = verify_receipt(_read(arguments.receipt), _read(arguments.entry), vkeys)
    name, size = checkpoint.origin, checkpoint.size
    _write([f"存证回执验证通过：条目在日志 {name} 的索引 {index}（检查点 {size} 个条目）"])
    _write(
        [f"Receipt verified: the entry is at index {index} of the log {name} (checkpoint of {size} entries)"]
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="验证通衢审计日志或存证回执 / verify a Tongqu audit log or receipt"
    )
    what = parser.add_subparsers(dest="what", required=True)
    log = what.add_parser("log", help="验证日志目录 / verify a log folder")
    log.add_argument("folder", type=Path)
    log.add_argument("--since", type=Path, help="先前保存的检查点 / a checkpoint saved earlier")
    log.add_argument(
        "--progress", action="store_true", help="在标准错误显示进度 / tell the progress on stderr"
    )
    receipt = what.add_parser("receipt", help="验证存证回执 / verify a receipt")
    receipt.add_argument("receipt", type=Path)
    receipt.add_argument("entry", type=Path)
    for each in (log, receipt):
        each.add_argument("--vkey", type=Path, required=True, help="验证公钥文件 / verifier key file")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The program; returns its exit status."""
    try:
        return _run(_parser().parse_args(arguments))
    except NotVerified as error:
        verdict = (
            ("无法验证", "Cannot check") if isinstance(error, CannotCheck) else ("验证未通过", "NOT verified")
        )
        _write([f"{verdict[0]}：{error.zh}", f"{verdict[1]}: {error.en}"])
        return 2 if isinstance(error, CannotCheck) else 1
    except OSError as error:
        _write(
            [
                f"无法验证：无法读取 {error.filename}",
                f"Cannot check: cannot read {error.filename} ({error.strerror})",
            ]
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
