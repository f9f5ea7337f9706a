"""The kinds of codec: what stands after `codec: {kind: …}`.

To add a kind, write a module of that name in this package and put the name into `NAMES`. The module has

* `class XOptions(Options)`: the codec's keys as a frozen dataclass (`max_bytes`, `root` and `charset` are there);
* `class XCodec(Codec)`: how bytes become a tree and a tree bytes, see `codec`;
* `KIND`, an instance of a `Kind` that reads the keys, takes paths apart and makes the codec.

Nothing else knows a kind by name. A module is loaded when the first mapping needs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # a plan is made from definitions, and a definition needs the kinds
    from mappings.codecs.codec import Codec
    from mappings.document import Reader
    from mappings.keys import Keys
    from mappings.plan import Document

NAMES = ("xml", "json", "delimited", "fixed", "zip", "hl7v2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The keys of `codec`; every kind adds its own."""

    kind: str
    line: int
    max_bytes: int = 4 << 20
    root: str = ""  #: the name around everything, where the format has one
    charset: str = ""  #: of the bytes, where the format leaves a choice

    @property
    def reserved(self) -> str:
        """Characters that no text of the format can hold."""
        return ""


class BadPath(ValueError):
    """A path that the kind cannot take; carries what lint says about it."""

    def __init__(self, zh: str, en: str, suggestion: str = "") -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.suggestion = suggestion


class Kind(ABC):
    keeps: bool = False  #: unknown content can be kept and put back
    binary: bool = False  #: no text, so never inside of one

    @abstractmethod
    def options(self, keys: Keys, kind: str) -> Options:
        """The codec's keys. What is wrong goes to `keys.bad`; keys nobody takes are reported afterwards."""

    def line(self, keys: Keys, options: Any) -> object:
        """The keys that only lines of this kind have, such as `column: 3`, as `Leaf.extra`.

        Called for every line with `at` or `inside`. Take keys only where they are there: a key that this takes is known.
        """
        return None

    def around(self, options: Any) -> tuple[str, ...]:
        """The steps of a branch around all lines."""
        return ()

    @abstractmethod
    def steps(self, path: str, options: Any) -> list[str]:
        """A path as the names of branches and, last, of the leaf or the rows.

        Raises:
            BadPath: this is no path of this kind.
        """

    def lint(self, reader: Reader, document: Document) -> None:
        """What else can be wrong with a document of this kind, its lines in place."""
        return

    def kept_examples(self, options: Any) -> tuple[dict[str, Any], ...]:
        """Unknown content as decoding keeps it, for the checks of the laws; only where it is not JSON values."""
        return ()

    @abstractmethod
    def make(self, document: Document) -> Codec: ...


def find(name: str) -> Kind:
    """The kind of that name, one of `NAMES`."""
    return cast(Kind, import_module(f"mappings.codecs.{name}").KIND)
