"""How much an account may hold. Counting reads whole folders, so that it is done seldom: what was left then is spent."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from gateway.transports.sftp.server_accounts import Account
from gateway.transports.sftp.server_names import Denied

#: Seconds between two counts: whoever goes on writing to a full account does not make it count each time.
_BETWEEN: Final = 1.0


class Quota:
    """What one session may add to the folders that count. Call with the account's ledger locked.

    Args:
        folders: descriptors of them.
    """

    def __init__(self, account: Account, folders: Sequence[int]) -> None:
        self._account = account
        self._ledger = account.ledger
        self._folders = folders

    def more(self, size: int) -> None:
        """Raises Denied where there is no room for so many bytes more."""
        if size > self._ledger.spare_bytes:
            self._count()
        if size > self._ledger.spare_bytes:
            raise Denied("quota", "quota exceeded")
        self._ledger.spare_bytes -= size

    def one_more(self) -> None:
        """Raises Denied where there is no room for a file more."""
        if self._ledger.spare_files < 1:
            self._count()
        if self._ledger.spare_files < 1:
            raise Denied("quota", "too many files")
        self._ledger.spare_files -= 1

    def _count(self) -> None:
        now = time.monotonic()
        if now < self._ledger.counted + _BETWEEN:
            return
        self._ledger.counted = now
        size = number = 0
        for folder in self._folders:
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_size
                        number += 1
        self._ledger.spare_bytes = self._account.quota_bytes - size
        self._ledger.spare_files = self._account.quota_files - number
