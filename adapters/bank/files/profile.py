"""A bank's files as data: one YAML file says which documents there are, and everything in which this bank differs.

    profile: ybdf
    title: {zh: …, en: …}
    send:
      payout: {mapping: shipped:bank/ybdf.request, name: 'YBDF_{party}_{date}_{batch}.txt', companions: [.md5, '{stem}.ok']}
    receive:
      final: {mapping: shipped:bank/ybdf.return, name: 'YBDF_{party}_{date}_{batch}.ret', answers: payout, whole: true}

The shipped ones are in `profiles/`; an operator's own is named by its path, and names mappings relative to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from adapters.bank.files.names import Template
from gateway.contract import ConfigError, Settings
from gateway.transports.files.companions import Awaited, Companion
from mappings import SHIPPED, Problem
from mappings.document import Node, Reader, Rows, Table, Text

PROFILES: Final = Path(__file__).parent.parent / "profiles"

Shipped = Annotated[str, StringConstraints(pattern=r"^shipped:[a-z0-9_./-]+$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Kind = Literal["credit-transfer", "direct-debit"]
_WORDS: Final = {
    "extra_forbidden": "没有这个键 / there is no such key",
    "missing": "缺少此键 / this key is missing",
}
#: A folder below that of the way.
Below = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*)?$")
]


class TitleText(Settings):
    """名称。 / A name for people."""

    zh: str = Field(min_length=1, description="中文名称 / in Chinese")
    en: str = Field(min_length=1, description="英文名称 / in English")


class Paper(Settings):
    """往来文件共有的约定。 / What every document has."""

    mapping: Shipped | Path = Field(
        description="映射：shipped:bank/ybdf.request，或本文件旁的路径；按日选版本 / mapping, shipped or beside this file; versions go by the day"
    )
    name: Template = Field(description="文件名模板 / template of its name")
    folder: Below = Field(default="", description="通道目录下的子目录 / folder below that of the way")


class Outgoing(Paper):
    """我方送往银行的文件。 / A document that goes to the bank."""

    kinds: tuple[Kind, ...] = Field(
        default=("credit-transfer", "direct-debit"),
        min_length=1,
        description="批次种类：代发、代扣 / kinds of batches it carries",
    )
    inter_bank: bool | None = Field(
        default=None,
        description="只用于跨行（true）或行内（false）批次 / only for batches to other banks, or only within it",
    )
    companions: tuple[Companion, ...] = Field(
        default=(), description="随后写出的伴随文件，按此顺序 / companions written after it, in this order"
    )
    max_rows: int = Field(default=10_000, gt=0, description="每个文件的笔数上限 / rows of a file at most")
    asks: Key | None = Field(
        default=None,
        description="这是查询文件：结果不明时放出，询问以该种文件送出的批次 / a question about batches sent as that document, put where nobody knows what became of one",
    )
    envelope: dict[str, Literal["batch", "party"]] = Field(
        default={}, description="映射 envelope 所需的值 / values for the mapping's envelope"
    )


class Incoming(Paper):
    """银行送来的文件。 / A document that comes from the bank."""

    answers: Key | None = Field(
        default=None,
        description="对应送出的哪一种文件，其文件名含相同的部分 / the document it answers: their names share their parts",
    )
    stage: Literal["intermediate", "final"] | None = Field(
        default=None,
        description="回盘阶段，映射以 elsewhere 留出时填写 / of a return, where its mapping leaves it open",
    )
    elsewhere: dict[str, Literal["batch", "date"]] = Field(
        default={}, description="映射 elsewhere 字段取自文件名的哪一部分 / fields that the name supplies"
    )
    complete: Awaited | None = Field(
        default=None,
        description="说明文件已完整的伴随文件，不填则按通道的 complete / companion that says it is complete, where it is not as the way says; for all documents of a folder",
    )
    whole: bool = Field(
        default=False,
        description="须含所送批次的全部明细，笔数、金额不等即拒收 / must hold every item of the batch it answers; refused where count or sum differ",
    )
    replaces: bool = Field(
        default=False,
        description="同名而内容不同的文件是新的一份，而非冲突 / a file of the same name and other content is a new one, no conflict",
    )


class Profile(Settings):
    """一家银行的文件约定。 / One bank's files."""

    profile: Key = Field(description="名称 / name")
    title: TitleText = Field(description="标题 / title")
    keeps: bool = Field(
        default=False,
        description="银行不移走、不删除收到的文件：目录中没有即为未送达 / the bank leaves files where we put them: one that is not there never came",
    )
    send: dict[Key, Outgoing] = Field(default={}, description="我方送出的文件 / documents that we send")
    receive: dict[Key, Incoming] = Field(default={}, description="银行送来的文件 / documents that come")


def file_of(ref: str | Path) -> Path:
    """Where a profile is: a path, or `shipped:ybdf`."""
    return ref if isinstance(ref, Path) else PROFILES / f"{ref.removeprefix('shipped:')}.yaml"


def mapping_file(ref: str | Path, profile: Path) -> Path:
    """Where a mapping is that the profile in this file names."""
    return profile.parent / ref if isinstance(ref, Path) else SHIPPED / f"{ref.removeprefix('shipped:')}.yaml"


def shipped_profiles() -> tuple[str, ...]:
    """`shipped:…` of all that come with the gateway."""
    return tuple(f"shipped:{file.stem}" for file in sorted(PROFILES.glob("*.yaml")))


class Read:
    """A profile's file, read: what it says, or what is wrong with it, by line."""

    def __init__(self, ref: str | Path) -> None:
        self.file = file_of(ref)
        self._reader = Reader(self.file, ())
        self._table = self._reader.load()
        self.profile = self._validated() if self._table is not None else None

    @property
    def problems(self) -> list[Problem]:
        """In order of line."""
        return sorted(self._reader.problems, key=lambda problem: (problem.line, problem.path))

    def problem(self, place: tuple[str | int, ...], zh: str, en: str) -> None:
        """Notes one at a place such as `("send", "payout", "mapping")`."""
        self._reader.problem(self._line(place), ".".join(map(str, place)), zh, en)

    def _validated(self) -> Profile | None:
        try:
            return Profile.model_validate(_plain(self._table))
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place = tuple(step for step in one["loc"] if step != "[key]")
                said = _WORDS.get(one["type"]) or str(one.get("ctx", {}).get("error", one["msg"]))
                zh, _, en = said.partition(" / ")
                self.problem(place, zh if en else f"不符合约定（{said}）", en or said)
            return None

    def _line(self, place: tuple[str | int, ...]) -> int:
        """Of a place, or of the nearest thing around it."""
        node: Node | None = self._table
        line = 1
        for step in place:
            if isinstance(node, Table) and str(step) in node.entries:
                line, node = node.lines[str(step)], node.entries[str(step)]
            elif isinstance(node, Rows) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line = node.line
            else:
                break
        return line


def load(ref: str | Path) -> Profile:
    """A profile.

    Raises:
        ConfigError: it cannot be read, or is none; says file and line of the first problem.
    """
    read = Read(ref)
    if read.profile is None or read.problems:
        first = read.problems[0]
        raise ConfigError(f"银行文件约定有误：{first}", f"not a bank profile: {first}")
    return read.profile


def _plain(node: Node | None) -> object:
    if isinstance(node, Table):
        return {key: _plain(value) for key, value in node.entries.items()}
    if isinstance(node, Rows):
        return [_plain(value) for value in node.items]
    return node.value if isinstance(node, Text) else None


def papers(profile: Profile) -> Iterator[tuple[str, str, Outgoing | Incoming]]:
    """`send` or `receive`, key, document."""
    for key, sent in profile.send.items():
        yield "send", key, sent
    for key, come in profile.receive.items():
        yield "receive", key, come
