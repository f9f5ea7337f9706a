"""Which transaction carries which canonical message, and the mappings that translate between the two."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_args

from msgspec import Struct

from adapters.settlement.codec import Answer, Unreadable
from adapters.settlement.settings import FormatName
from gateway.canonical import Body
from gateway.canonical.identity import PersonQuery
from gateway.canonical.settlement import CancellationRequested, ClaimSubmitted, ReversalRequested
from gateway.contract import ConfigError, Reject
from mappings import SHIPPED, DefinitionError, Mapping, MappingError, load

_FOLDER: Final = SHIPPED / "settlement"
FORMATS: Final[tuple[FormatName, ...]] = get_args(FormatName)


class Transaction(Struct, frozen=True):
    """How one kind of message is carried."""

    operation: str  #: its name in the manifest
    infno: str
    input: FormatName
    output: FormatName | None  #: None where success says everything
    moves_money: bool


SETTLE: Final = Transaction("outpatient-settlement", "2207", "2207.input", "2207.output", moves_money=True)
CANCEL: Final = Transaction("settlement-cancellation", "2208", "2208.input", "2208.output", moves_money=True)
PERSON: Final = Transaction("person-query", "1101", "1101.input", "1101.output", moves_money=False)
REVERSE: Final = Transaction("settlement-reversal", "2601", "2601.input", None, moves_money=False)

#: Canonical request → transaction.
TRANSACTIONS: Final[dict[type[Body], Transaction]] = {
    ClaimSubmitted: SETTLE,
    CancellationRequested: CANCEL,
    PersonQuery: PERSON,
    ReversalRequested: REVERSE,
}

#: What can be sent here.
Asked = ClaimSubmitted | CancellationRequested | PersonQuery | ReversalRequested


def transaction_of(body: Body) -> Transaction:
    """The transaction for a message.

    Raises:
        Reject: this platform has none for it.
    """
    transaction = TRANSACTIONS.get(type(body))
    if transaction is None:
        raise Reject("结算平台不接收此类消息", "the platform takes no such message", code="unknown-operation")
    return transaction


def asked(body: Body) -> Asked:
    """The body as one of those that `transaction_of` lets through."""
    transaction_of(body)
    return cast(Asked, body)


class Formats:
    """The mappings of one partner: the shipped ones, or the province's own.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: dict[FormatName, Path]) -> None:
        self._mappings = {name: _load(own.get(name) or _FOLDER / f"{name}.yaml") for name in FORMATS}
        self._labels = {name: f"{m.name}@{m.version}" for name, m in self._mappings.items()}

    def mapping(self, name: FormatName) -> Mapping:
        """The mapping in use under that name."""
        return self._mappings[name]

    def write(self, name: FormatName, body: Body) -> dict[str, Any]:
        """The `input` subtree.

        Raises:
            Reject: the message holds something this interface cannot say.
        """
        try:
            return self._mappings[name].encode_raw(body)
        except MappingError as error:
            raise Reject(
                error.zh, error.en, code="invalid", field=error.canonical or error.field, rule=error.rule
            ) from None

    def read(self, name: FormatName, answer: Answer, output: dict[str, Any] | None = None) -> Body:
        """The answer's `output` (or the given one) as a canonical body.

        Raises:
            Unreadable: it is not what the interface promises.
        """
        tree = answer.output if output is None else output
        try:
            return self._mappings[name].decode_tree(
                tree, raw_code=answer.infcode, raw_text=answer.err_msg or None
            )
        except MappingError as error:
            raise Unreadable(f"{name} {error.field} {error.rule}") from None

    def label(self, name: FormatName) -> str:
        """`name@version`, for the record."""
        return self._labels[name]


@cache
def _load(file: Path) -> Mapping:
    try:
        return load(file)
    except DefinitionError as error:
        raise ConfigError(
            f"映射文件 {file} 有误：{error}", f"mapping {file} cannot be used: {error}", file=str(file)
        ) from error
