"""What goes wrong on the hospital's side of the line, to be turned on one by one.

await Line(hospital, Knobs(give_up=0.2)).post(body)     # the reply is dropped; sent again, it is found
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred, gatherResults

from adapters.hospital.simulator.soap import Answer, HospitalSimulator


@dataclass(frozen=True, slots=True)
class Knobs:
    """All off."""

    give_up: float | None = None  #: seconds after which a reply is no longer waited for: it is dropped
    copies: int = 1  #: how many times a message is sent at once
    charset: str = "utf-8"  #: what the bytes are in
    declared: str | None = None  #: what the Content-Type says they are in; None: what it says anyway
    part: float = 1.0  #: how much of the body is sent as a whole message


class Line:
    """Sends by these knobs."""

    def __init__(self, hospital: HospitalSimulator, knobs: Knobs) -> None:
        self._hospital = hospital
        self._knobs = knobs

    async def post(self, text: str) -> list[Answer]:
        """One message, once or as so many copies; what came back for each. Nothing is sent again."""
        body = text.encode(self._knobs.charset)
        body = body[: int(len(body) * self._knobs.part)]
        made = [Deferred.fromCoroutine(self._once(body)) for _ in range(self._knobs.copies)]
        answers: list[Answer] = await gatherResults(made, consumeErrors=True)
        return answers

    async def _once(self, body: bytes) -> Answer:
        knobs, headers = self._knobs, self._hospital.headers()
        if knobs.declared is not None:
            media = headers["Content-Type"].partition(";")[0]
            headers["Content-Type"] = f"{media}; charset={knobs.declared}"
        return await self._hospital.once(body, headers, timeout=knobs.give_up)
