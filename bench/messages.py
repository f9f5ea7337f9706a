"""The messages of the reference job: valid outpatient settlements of invented persons, about 3 KiB each."""

from __future__ import annotations

import datetime as dt
import zlib

from adapters.hospital.simulator import invented

_START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=8)))


class Maker:
    """Makes a new message at each call, all of them different.

    Args:
        series: tells the messages of one run from those of another.
        wait: messages whose sender waits for the settlement, instead of an acknowledgement.
    """

    def __init__(self, series: str, *, wait: bool = False) -> None:
        element = "OutpatientSettlement" if wait else "OutpatientSettlementUpload"
        self._build = invented.Builder(_START, invented.INSTITUTION, "1.1", element)
        self._number = zlib.crc32(series.encode()) % 100_000 * 1_000_000

    def next(self) -> bytes:
        """One message, as it is posted."""
        self._number += 1
        return self._build(self._number)
