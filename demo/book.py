"""Keeps the book of the day: what was promised, what was seen, and the table at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text


def _console() -> Console:
    """As wide as the terminal; where there is none, wide enough that no id is broken."""
    wide = Console(highlight=False, soft_wrap=True)
    return wide if wide.is_terminal else Console(highlight=False, soft_wrap=True, width=130)


@dataclass(frozen=True, slots=True)
class Promise:
    """Something the gateway promises, and whether it was seen to keep it."""

    zh: str
    en: str
    kept: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the day."""

    what: str
    came: str  #: what the sender was told
    effect: str  #: what is in the books of whom it was for
    id: str


@dataclass
class Book:
    """Everything the day showed."""

    console: Console = field(default_factory=_console)
    promises: list[Promise] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    _scene: int = 0

    def scene(self, zh: str, en: str) -> None:
        """A new part of the day."""
        self._scene += 1
        self.console.print()
        self.console.print(f"[bold cyan]{self._scene:>2}. {zh}[/]  [dim]{en}[/]")

    def say(self, zh: str, en: str = "", **ids: str) -> None:
        """What happened, with ids to follow up."""
        text = Text(f"    {zh}")
        if en:
            text.append(f"  {en}", style="dim")
        for name, value in ids.items():
            text.append(f"  {name}=", style="dim")
            text.append(value, style="green")
        self.console.print(text)

    def note(self, what: str, came: str, effect: str, id_: str) -> None:
        """A line of the table."""
        self.lines.append(Line(what, came, effect, id_))

    def check(self, zh: str, en: str, kept: bool, evidence: object = "") -> None:
        """A promise, checked."""
        self.promises.append(Promise(zh, en, kept, str(evidence)))
        mark = "[green]✓[/]" if kept else "[bold red]✗[/]"
        shown = "" if kept else f"  [red]{evidence}[/]"
        self.console.print(f"    {mark} {zh}  [dim]{en}[/]{shown}")

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return bool(self.promises) and all(promise.kept for promise in self.promises)

    def close(self) -> None:
        """The table of the day."""
        table = Table(title="\n这一天 / The day", title_justify="left", header_style="bold", expand=False)
        for column in ("发出 sent", "答复 answered", "账上 in the books"):
            table.add_column(column, overflow="fold")
        table.add_column("编号 id", no_wrap=True)
        for line in self.lines:
            table.add_row(line.what, line.came, line.effect, line.id)
        self.console.print(table)
        broken = [promise for promise in self.promises if not promise.kept]
        total = len(self.promises)
        if not broken:
            self.console.print(
                f"\n[bold green]{total} 项承诺全部核实。[/] All {total} promises were checked and kept."
            )
            return
        self.console.print(f"\n[bold red]{total} 项中有 {len(broken)} 项未兑现：[/] not kept:")
        for promise in broken:
            self.console.print(f"  [red]✗ {promise.zh}[/] {promise.en}  {promise.evidence}")
