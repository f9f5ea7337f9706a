"""The messages of the reference job: valid outpatient settlements of invented persons, about 3 KiB each."""

from __future__ import annotations

from adapters.hospital.simulator import HospitalSimulator


class Maker:
    """Makes a new message at each call, all of them different.

    Args:
        series: tells the messages of one run from those of another.
        wait: messages whose sender waits for the settlement, instead of an acknowledgement.
    """

    def __init__(self, series: str, *, wait: bool = False) -> None:
        self._hospital = HospitalSimulator("http://127.0.0.1:1/", series=series)
        self._wait = wait
        self._number = 0

    def next(self) -> bytes:
        """One message, as it is posted."""
        self._number += 1
        return self._hospital.build(self._number, upload=not self._wait)
