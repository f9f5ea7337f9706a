"""What the gateway and its store process say to each other: length-prefixed frames over a socket pair.

    gateway → store   [(number, kind, unit), …]        kind: 0 Accept, 1 Advance, 2 Record, 3 Remember, 4 pickled
    store → gateway   pickled [(number, result), …]    a result may be an exception

Both ends are one program in one version on one machine, so that what is rare may be pickled; the units of the
hot path are msgpack, which costs a third.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from gateway.store.api import Accept, Advance, Record
from gateway.store.session import Remember

_KINDS: Final[dict[type, int]] = {Accept: 0, Advance: 1, Record: 2, Remember: 3}
_PICKLED: Final = 4
_LENGTH: Final = struct.Struct(">I")

_encode = msgspec.msgpack.Encoder().encode
_frame = msgspec.msgpack.Decoder(list[tuple[int, int, msgspec.Raw]]).decode
_decoders: Final[list[Callable[[Any], Any]]] = [msgspec.msgpack.Decoder(kind).decode for kind in _KINDS]
_decoders.append(lambda raw: pickle.loads(msgspec.msgpack.decode(raw)))  # noqa: S301 (our own process)


def numbered(number: int, unit: Any) -> tuple[int, int, Any]:
    """A unit as it goes into a frame. Raises what pickling raises: no frame must fail for one of its units."""
    kind = _KINDS.get(type(unit))
    return (number, _PICKLED, pickle.dumps(unit)) if kind is None else (number, kind, unit)


def encode_units(units: Sequence[tuple[int, int, Any]]) -> bytes:
    """A frame of units made by `numbered`."""
    return framed(_encode(units))


def decode_units(frame: bytes) -> list[tuple[int, Any]]:
    """The inverse of `encode_units`, without the length."""
    return [(number, _decoders[kind](raw)) for number, kind, raw in _frame(frame)]


def encode_results(results: Sequence[tuple[int, Any]]) -> bytes:
    """A frame of numbered results."""
    return framed(pickle.dumps(results))


def decode_results(frame: bytes) -> list[tuple[int, Any]]:
    """The inverse of `encode_results`, without the length."""
    results: list[tuple[int, Any]] = pickle.loads(frame)  # noqa: S301 (our own process)
    return results


def framed(content: bytes) -> bytes:
    """The content with its length before it."""
    return _LENGTH.pack(len(content)) + content


class Frames:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every frame that is complete now."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield frame
