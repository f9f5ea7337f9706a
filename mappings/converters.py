"""What a lens cannot say is a converter: a named pair of functions with examples that prove they pair up.

Registering runs the examples, so a converter that is not invertible never gets as far as a mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_REGISTRY: dict[str, Converter] = {}


@dataclass(frozen=True, slots=True)
class Converter:
    name: str
    kind: str  #: the canonical kind it gives: `text`, `money`, `bool`, `decimal`, `date`, `datetime`
    decode: Callable[[str], Any]
    encode: Callable[[Any], str]
    examples: tuple[tuple[str, Any], ...]  #: (wire text, canonical value): law and documentation


def register(converter: Converter) -> Converter:
    """Makes a converter known to mappings as `as: convert(<name>)`.

    Raises:
        ValueError: the name is taken, there is no example, or an example does not hold both ways.
    """
    if _REGISTRY.get(converter.name, converter) != converter:
        raise ValueError(f"converter {converter.name} is registered already")
    if not converter.examples:
        raise ValueError(f"converter {converter.name} has no examples")
    for wire, value in converter.examples:
        if converter.decode(wire) != value or converter.encode(value) != wire:
            raise ValueError(f"converter {converter.name}: example {wire!r} does not hold both ways")
    _REGISTRY[converter.name] = converter
    return converter


def get(name: str) -> Converter:
    """The converter of that name.

    Raises:
        KeyError: none is registered.
    """
    return _REGISTRY[name]


def known() -> tuple[str, ...]:
    return tuple(sorted(_REGISTRY))
