"""A taker for tests of the ways: its messages are the files' digests, durable as the harness is."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.canonical.exchange import FileSubmitted
from gateway.contract import Inbound, Refusal, Unavailable
from gateway.transports.files import Arrived, Finding, NotNow, Taken, TurnedAway
from tests.adapters.context import Harness


@dataclass
class Taking:
    """Takes everything but what begins with `bad`."""

    harness: Harness
    seen: list[Arrived] = field(default_factory=list)

    async def take(self, file: Arrived) -> Taken:
        self.seen.append(file)
        content = file.path.read_bytes()
        if content.startswith(b"bad"):
            finding = Finding(
                rule="money", zh="金额有误", en="not an amount", line=3, column=5, field="item[2]/amount"
            )
            raise TurnedAway(code="invalid", findings=(finding,))
        inbound = Inbound(
            body=FileSubmitted(file_name=file.name, size=file.size, sha256=file.sha256),
            raw=content,
            partner_message_id=file.sha256,
            region="990101",
            mapping="file",
        )
        try:
            receipt = await self.harness.inbox.accept(inbound)
        except Unavailable as error:
            raise NotNow(error.zh, error.en) from None
        return Taken(message_id=receipt.message_id, repeated=receipt.repeated, count=2, total=123456)

    async def refuse(self, name: str, code: str, findings: tuple[Finding, ...], digest: bytes) -> str:
        rule = findings[0].rule if findings else ""
        try:
            return await self.harness.inbox.refuse(Refusal(code=code, rule=rule, raw=digest))
        except Unavailable as error:
            raise NotNow(error.zh, error.en) from None

    @property
    def effects(self) -> set[str]:
        """The messages there are."""
        return {inbound.partner_message_id for inbound in self.harness.inbox.accepted}
