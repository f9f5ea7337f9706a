"""Survival checks: a roll is submitted in batches, and what the register says comes later, to `inbox.py`.

What it says is a message of its own for whoever decides. Nothing ends here because somebody is said to be dead:
deaths are reported late and sometimes wrongly.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import msgspec

from adapters.police.channel import Channel
from adapters.police.dialects.json import PLACEHOLDER, JsonDialect
from adapters.police.link import Trouble
from adapters.police.services import JsonSettings, SurvivalSettings
from gateway.canonical import Message
from gateway.canonical.verification import SurvivalAsked
from gateway.contract import Accepted, PartnerDown, Prepared, Reject

_SUBMITTED: Final = b"submitted"


class Rolls:
    """Submits rolls. A batch that was taken is not submitted again."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def demand(self, message: Message, body: SurvivalAsked) -> None:
        """Writes every batch once. Blocks where the roll is long.

        Raises:
            Reject: this service takes no rolls, or not this one.
        """
        for batch in self._batches(body):
            self._write(message, batch)

    async def submit(self, message: Message, body: SurvivalAsked, prepared: Prepared) -> Accepted | Trouble:
        """One attempt: all batches taken, or why not all of them are. Raises PartnerDown."""
        memory, now = self._channel.memory, self._channel.context.clock.now().timestamp()
        batches = dict(zip(count(), self._batches(body), strict=False))
        parts = {number: ("batch", message.id, str(number)) for number in batches}
        taken = await memory.kept(parts, now)
        until = now + self._channel.settings.keep
        raw = b""
        for done, (number, batch) in enumerate(batches.items(), start=1):
            if number not in taken:
                heard = await self._one(message, batch)
                if isinstance(heard, Trouble):
                    return heard
                await memory.keep([(parts[number], _SUBMITTED)], until, now)
                raw = heard
            self._channel.context.progress(prepared.reference, done, len(batches))
        return Accepted(raw=raw)

    async def _one(self, message: Message, batch: SurvivalAsked) -> bytes | Trouble:
        quota, wanted = self._channel.quota, len(batch.persons)
        granted = await quota.take(wanted)
        try:
            if granted < wanted:
                await quota.give_back(granted)
                return Trouble(kind="quota", reason=quota.exhausted(), code="quota")
            return await self._dialect().send(self._write(message, batch))
        except PartnerDown:
            await quota.give_back(wanted)
            raise

    def _batches(self, body: SurvivalAsked) -> list[SurvivalAsked]:
        size = self._settings()[1].rows_per_call
        rows = [body.persons[at : at + size] for at in range(0, len(body.persons), size)]
        return [msgspec.structs.replace(body, persons=some) for some in rows]

    def _write(self, message: Message, batch: SurvivalAsked) -> bytes:
        service, survival = self._settings()
        envelope = {
            "serviceId": survival.service_id,
            "senderId": service.sender_id,
            "authorizeInfo": PLACEHOLDER,
            "UserName": batch.operator_name,
            "UserDept": batch.operator_department,
            "ReceiveServiceID": survival.receive_service_id,
        }
        return self._channel.formats.write("matching", batch, message.time, envelope)

    def _dialect(self) -> JsonDialect:
        assert isinstance(self._channel.dialect, JsonDialect)
        return self._channel.dialect

    def _settings(self) -> tuple[JsonSettings, SurvivalSettings]:
        service = self._channel.settings.service
        if not isinstance(service, JsonSettings) or service.survival is None:
            raise Reject(
                "该公安服务未开通批量比对",
                "this service takes no rolls: see the setting `survival`",
                code="unknown-operation",
            )
        return service, service.survival
