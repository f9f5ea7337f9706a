"""Commands as a person would type them, shown so that they can be typed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from demo.book import Book
from demo.stage import COMMAND, PYTHON

Done = subprocess.CompletedProcess[str]


def run(arguments: tuple[str, ...]) -> Done:
    """Python with these arguments; blocking."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def show(book: Book, arguments: tuple[str, ...], done: Done, lines: int = 2) -> None:
    """The command, and the first lines it wrote."""
    typed = [COMMAND, *arguments[2:]] if arguments[:2] == ("-m", "gateway") else [PYTHON, *arguments]
    book.say(f"$ {shlex.join(part.removeprefix(f'{Path.cwd()}/') for part in typed)}")
    for line in (done.stdout + done.stderr).rstrip().splitlines()[:lines]:
        book.say(f"  {line}")


async def together(book: Book, *commands: tuple[str, ...], lines: int = 2) -> list[Done]:
    """Several commands, by as many people at the same time; shown in their order."""
    ended: list[Done] = await gatherResults([deferToThread(run, one) for one in commands])
    for command, done in zip(commands, ended, strict=True):
        show(book, command, done, lines)
    return ended
