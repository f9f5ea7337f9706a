"""A partner's files: its profile, and the ways by which they travel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field, StringConstraints, model_validator

from adapters.bank.files import formats, lint
from adapters.bank.files.formats import Documents
from adapters.bank.files.ledger import Ledger
from adapters.bank.files.profile import Shipped
from adapters.bank.files.sender import FilesSender
from adapters.bank.files.taker import BankTaker
from gateway.contract import CheckStep, ConfigError, Context, Receiver, Settings
from gateway.transports.files import (
    AccountInbound,
    AccountOutbound,
    Deposit,
    FolderInbound,
    FolderOutbound,
    SftpInbound,
    SftpOutbound,
)

Inbound: TypeAlias = Annotated[FolderInbound | SftpInbound | AccountInbound, Field(discriminator="kind")]
Outbound: TypeAlias = Annotated[FolderOutbound | SftpOutbound | AccountOutbound, Field(discriminator="kind")]
W = TypeVar("W", bound=Settings)
PartyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,35}$"), Field(examples=["990101"])]


class FilesSettings(Settings):
    """以文件往来。 / Files."""

    profile: Annotated[Shipped | Path, Field(examples=["shipped:ybdf"])] = Field(
        description="文件约定：随附的（shipped:ybdf）或自己的文件 / the bank's files: a profile that is shipped, or your own"
    )
    party: PartyId = Field(description="银行给我方的编号，用于文件名 {party} / our number at the bank")
    outbound: Outbound | None = Field(
        default=None, description="送文件的通道：sftp、folder、sftp-account / the way out"
    )
    inbound: Inbound | None = Field(
        default=None, description="取文件的通道：sftp、folder、sftp-account / the way in"
    )

    @model_validator(mode="after")
    def _ways(self) -> FilesSettings:
        if self.outbound is None and self.inbound is None:
            raise ValueError("至少填写 inbound 或 outbound / inbound, outbound or both")
        return self

    def types(self) -> frozenset[str]:
        """The canonical types these files carry, as far as there are ways for them."""
        found = formats.types(self.profile)
        ways = {"out": self.outbound, "in": self.inbound}
        return frozenset[str]().union(*(found[d] for d, way in ways.items() if way is not None))

    def problems(self) -> Iterator[ConfigError]:
        """What is wrong with the profile, with its file and line, and with ways that cannot carry it."""
        found = lint.problems(self.profile)
        for problem in found:
            yield ConfigError(f"银行文件约定：{problem}", f"bank profile: {problem}", path="profile")
        if found:
            return
        documents = Documents(self.profile)
        for name, way, papers in (
            ("outbound", self.outbound, documents.outgoing),
            ("inbound", self.inbound, documents.incoming),
        ):
            if way is None:
                continue
            if not papers:
                yield ConfigError(
                    "约定中没有这个方向的文件", "the profile has no files of this direction", path=name
                )
            if "companion" in way.model_fields_set:
                zh = "伴随文件由文件约定的 companions 决定，此处不填"
                yield ConfigError(
                    zh, "the profile's companions decide: leave it out", path=f"{name}.companion"
                )
            if way.kind == "sftp-account" and any(paper.settings.folder for paper in papers.values()):
                zh, en = "账号没有子目录，约定中不能写 folder", "an account has no further folders"
                yield ConfigError(zh, en, path=f"{name}.kind")


class Files:
    """One partner's files at work.

    Raises:
        ConfigError: the profile or its mappings cannot be used.
    """

    def __init__(self, settings: FilesSettings, operations: dict[str, str], context: Context) -> None:
        self._own = settings
        self._operations = operations
        self._context = context
        self._documents = Documents(settings.profile, context.mappings)
        self._ledger = Ledger(context.state_dir)
        self._deposits: dict[str, Deposit] = {}
        if settings.outbound is not None:
            folders = {paper.settings.folder for paper in self._documents.outgoing.values()}
            self._deposits = {f: _below(settings.outbound, f).deposit(context) for f in sorted(folders)}

    def sender(self) -> FilesSender | None:
        """Sends and settles; None without a way out."""
        if self._own.outbound is None:
            return None
        return FilesSender(
            self._documents, self._own.party, self._deposits, self._ledger, self._operations, self._context
        )

    def receiver(self) -> Receiver | None:
        """Takes files from all folders; None without a way in."""
        if self._own.inbound is None:
            return None
        taker = BankTaker(self._documents, self._own.party, self._ledger, self._context)
        places = {(p.settings.folder, p.settings.complete) for p in self._documents.incoming.values()}
        watched: list[Receiver] = []
        for folder, complete in sorted(places, key=str):
            way = _below(self._own.inbound, folder)
            if complete is not None:
                way = way.model_copy(update={"complete": complete})
            state = self._context.state_dir / folder
            watched.append(way.receiver(taker, replace(self._context, state_dir=state)))
        return Several.of(watched)

    async def check(self) -> AsyncIterator[CheckStep]:
        """Profile, then every way and folder; stops at the first step that fails."""
        title = self._documents.profile.title
        yield CheckStep(name="profile", ok=True, zh=f"文件约定可用：{title.zh}", en=f"profile: {title.en}")
        for deposit in self._deposits.values():
            async for step in deposit.check():
                yield step
                if not step.ok:
                    return
        if isinstance(self._own.inbound, SftpInbound):
            for folder in sorted({paper.settings.folder for paper in self._documents.incoming.values()}):
                async for step in _below(self._own.inbound, folder).check(self._context):
                    yield step
                    if not step.ok:
                        return


class Several:
    """Implements `Receiver` for several."""

    def __init__(self, receivers: tuple[Receiver, ...]) -> None:
        self._receivers = receivers

    @staticmethod
    def of(receivers: Iterable[Receiver | None]) -> Receiver | None:
        """What listens to all of them; None where there is none."""
        found = tuple(receiver for receiver in receivers if receiver is not None)
        return Several(found) if len(found) > 1 else next(iter(found), None)

    async def start(self) -> None:
        for receiver in self._receivers:
            await receiver.start()

    async def stop(self) -> None:
        for receiver in self._receivers:
            await receiver.stop()


def _below(way: W, folder: str) -> W:
    """The same way to a folder below it."""
    path = getattr(way, "path")  # noqa: B009  every way has one, a path of this machine or a text
    if not folder:
        return way
    return way.model_copy(update={"path": path / folder if isinstance(path, Path) else f"{path}/{folder}"})
