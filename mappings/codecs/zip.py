"""The ZIP codec: members whose bytes are documents, one level deep.

Its normal form: the members in the order of the lines, deflated, without times and extra fields, so that equal
content gives equal bytes (of one version of zlib).
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from mappings.codecs.codec import Codec, Shape, Write, inside_writer
from mappings.codecs.kinds import BadPath, Kind, Options
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import Keys
from mappings.plan import Document, Inside
from mappings.report import Report, Where

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What the library says of files that are damaged, or not of this kind.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, IndexError, OverflowError,
    RuntimeError,
)  # fmt: skip
#: Below this, what it was packed from does no harm, however little that was.
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipOptions(Options):
    max_unpacked: int = 64 << 20
    max_ratio: int = 100  #: of unpacked to packed bytes
    max_members: int = 16


class ZipCodec(Codec):
    typed = True  # a member without a byte is there

    def __init__(self, document: Document, options: ZipOptions) -> None:
        self._limits = options
        self._patterns = tuple(item.step for item in document.items if "*" in item.step)

    def parse(self, data: bytes) -> dict[str, bytes]:
        limits = self._limits
        if len(data) > limits.max_bytes:
            zh, en = f"文件超过 {limits.max_bytes} 字节", f"longer than {limits.max_bytes} bytes"
            raise Refused("size", zh, en)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
                self._check(members)
                return {info.filename: self._read(archive, info) for info in members}
        except _BROKEN:
            raise Refused("syntax", "ZIP 文件损坏", "is no sound ZIP file") from None

    def _check(self, members: list[zipfile.ZipInfo]) -> None:
        limits = self._limits
        if len(members) > limits.max_members:
            zh, en = f"超过 {limits.max_members} 个文件", f"more than {limits.max_members} members"
            raise Refused("size", zh, en)
        if len({info.filename for info in members}) != len(members):
            raise Refused("duplicate", "有同名文件", "two members have the same name")
        if sum(info.file_size for info in members) > limits.max_unpacked:
            zh, en = (
                f"解压后超过 {limits.max_unpacked} 字节",
                f"more than {limits.max_unpacked} bytes unpacked",
            )
            raise Refused("size", zh, en)
        for info in members:
            if info.file_size > max(_SMALL, info.compress_size * limits.max_ratio):
                raise Refused("size", "压缩比异常", "is packed too tightly to be true")
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise Refused("syntax", "不支持加密或该压缩方式", "is encrypted, or packed in another way")

    def _read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
        with archive.open(info) as member:
            # The directory may lie: never more than it says.
            data = member.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise zipfile.BadZipFile
        return data

    def serialise(self, tree: Any) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in tree.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.create_system = 0
                info.external_attr = 0
                archive.writestr(info, data, zipfile.ZIP_DEFLATED, 6)
        return out.getvalue()

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, data in node.items():
            step = self._step(name)
            if step in found:
                zh, en = "应只有一个这样的文件", "there must be only one such member"
                report.place(step, where, "duplicate", zh, en)
            elif step in shape.leaves:
                found[step] = data
            elif step not in shape.skips and shape.unknown == "reject":
                report.place(name, where, "unknown", "未约定的文件", "is no agreed member")
        return found

    def _step(self, name: str) -> str:
        return next((p for p in self._patterns if fnmatchcase(name, p)), name)

    def pick(self, tree: Any, steps: Sequence[str]) -> Any:
        return next((data for name, data in tree.items() if self._step(name) == steps[0]), None)

    def writer(self, document: Document, name: str) -> Write:
        members = [
            (str(item.extra or item.step), inside_writer(item, name, as_bytes=True))
            for item in document.items
            if isinstance(item, Inside)
        ]

        def write(b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]) -> Any:
            made = {member: inner(b, parent, report, where, envelope) for member, inner in members}
            return {member: data for member, data in made.items() if data is not None}

        return write


def _outside(name: str) -> bool:
    """Whether it could name a file outside the folder that somebody unpacks into."""
    return not name or name.startswith("/") or "\\" in name or ".." in name.split("/")


class ZipKind(Kind):
    binary = True

    def options(self, keys: Keys, kind: str) -> ZipOptions:
        return ZipOptions(
            kind=kind,
            line=keys.table.line,
            max_bytes=keys.number("max_bytes", 4 << 20),
            max_unpacked=keys.number("max_unpacked", 64 << 20),
            max_ratio=keys.number("max_ratio", 100),
            max_members=keys.number("max_members", 16),
        )

    def line(self, keys: Keys, options: Any) -> object:
        """`written`: the name to write where the line has a pattern."""
        return keys.text("written", "")

    def steps(self, path: str, options: ZipOptions) -> list[str]:
        if _outside(path):
            raise BadPath("不是文件名", "is no name of a member", "result.txt / '*.txt'")
        return [path]

    def lint(self, reader: Reader, document: Document) -> None:
        for item in document.items:
            if not isinstance(item, Inside):
                if getattr(item, "role", "") != "skip":
                    zh, en = "ZIP 中只有 inside 行", "a ZIP file has lines with `inside` only"
                    reader.problem(item.line, item.path, zh, en)
            elif "*" in item.step and not fnmatchcase(str(item.extra or ""), item.step):
                zh, en = (
                    "须写明写出时的文件名,并符合通配",
                    "say under which name it is written, one of the pattern",
                )
                reader.problem(item.line, item.path, zh, en, "written: detail.txt")
            elif _outside(str(item.extra or item.step)):
                reader.problem(
                    item.line, item.path, "不是文件名", "is no name of a member", "written: detail.txt"
                )

    def make(self, document: Document) -> ZipCodec:
        return ZipCodec(document, cast(ZipOptions, document.options))


KIND = ZipKind()
