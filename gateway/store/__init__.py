"""Where messages, deliveries and audit entries are kept. `api` says what is promised."""

from gateway.store.clerk import Clerk
from gateway.store.database import database_for
from gateway.store.errors import FateUnknown, Moved, UnitRefused
from gateway.store.facade import SqlStore
from gateway.store.reader import Reader
from gateway.store.settings import StoreSettings
from gateway.store.writer import Threads

__all__ = [
    "Clerk",
    "FateUnknown",
    "Moved",
    "Reader",
    "SqlStore",
    "StoreSettings",
    "UnitRefused",
    "open_clerk",
    "open_reader",
    "open_store",
]


def open_store(settings: StoreSettings, reactor: Threads) -> SqlStore:
    """The store at `settings.url`; nothing is touched before `start`."""
    return SqlStore(database_for(settings), settings, reactor)


def open_reader(settings: StoreSettings) -> Reader:
    """Read access beside the gateway or without it; blocking.

    Raises:
        ConfigError: there is no database there, or not of this program's version.
    """
    return Reader(database_for(settings))


def open_clerk(settings: StoreSettings) -> Clerk:
    """Write access for a person, beside the gateway or without it; blocking.

    Raises:
        ConfigError: there is no database there, or not of this program's version.
    """
    return Clerk(database_for(settings))
