"""A bank of the simulator, and the adapter working with it over real SFTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from adapters.bank import adapter
from adapters.bank.files.sender import FilesSender
from adapters.bank.settings import BankSettings
from adapters.bank.simulator.files import PASSWORD, USER, FileBank
from gateway.canonical import Body, Message
from gateway.contract import Conflict, Inbound, Outcome, Prepared, Receipt
from gateway.transports.files.arriving import Watcher
from tests.adapters.bank.bodies import PARTY
from tests.adapters.context import Harness, RecordingInbox
from tests.servers.sftp_peer import Cable


class StrictInbox(RecordingInbox):
    """Refuses one id for two messages, as the engine does."""

    async def accept(self, inbound: Inbound) -> Receipt:
        for known in self.accepted:
            if known.partner_message_id == inbound.partner_message_id:
                if known.idempotency != inbound.idempotency:
                    raise Conflict("编号重复", "the id was used before", code="duplicate-msgid")
                return Receipt(message_id=f"m-{known.partner_message_id}", repeated=True)
        return await super().accept(inbound)


def way(port: int, host_key: str, path: str, **facts: Any) -> dict[str, Any]:
    return {
        "kind": "sftp", "server": f"127.0.0.1:{port}", "user": USER, "password": PASSWORD,
        "host_keys": [host_key], "path": path, "timeout": "5s", **facts,
    }  # fmt: skip


@dataclass
class Rig:
    """One partner."""

    harness: Harness
    settings: BankSettings
    bank: FileBank
    cable: Cable | None = None

    def close(self) -> None:
        self.bank.stop()
        if self.cable is not None:
            self.cable.close()

    def restarted(self) -> Rig:
        """The same partner after a restart: nothing is left but what is on disk."""
        return _rig(self.harness.context.state_dir, self.settings, self.bank)

    @property
    def inbox(self) -> StrictInbox:
        return cast(StrictInbox, self.harness.inbox)

    @property
    def sender(self) -> FilesSender:
        made = adapter.sender(self.settings, self.harness.context)
        assert isinstance(made, FilesSender)
        return made

    async def submit(self, body: Body) -> tuple[Message, Prepared, Outcome]:
        message = self.harness.message(body)
        prepared = await self.sender.prepare(message)
        return message, prepared, await self.sender.send(message, prepared)

    async def fetch(self) -> list[Inbound]:
        """One round of the receiver; what was accepted in it."""
        before = len(self.inbox.accepted)
        watcher = adapter.receiver(self.settings, self.harness.context)
        assert isinstance(watcher, Watcher)
        await watcher.look()
        watcher._client.close()  # type: ignore[attr-defined]
        return self.inbox.accepted[before:]


def rig(folder: Path, profile: str | Path, *, cuts: list[int | None] | None = None, **inbound: Any) -> Rig:
    """A bank with this profile. Its rounds are the test's: `rig.bank.look()`.

    Args:
        cuts: after how many bytes each of our connections to it is cut.
    """
    bank = FileBank(folder / "bank", profile, PARTY)
    port, key = bank.server.port, bank.server.host_key
    cable = Cable(port, cuts) if cuts is not None else None
    facts = {"complete": "rename", "body_limit": "1GiB", **inbound}
    settings = BankSettings.model_validate(
        {
            "files": {
                "profile": profile,
                "party": PARTY,
                "outbound": way(cable.port if cable else port, key, "/in"),
                "inbound": way(port, key, "/out", **facts),
            }
        }
    )
    made = _rig(folder / "state", settings, bank)
    made.cable = cable
    return made


def _rig(state: Path, settings: BankSettings, bank: FileBank) -> Rig:
    state.mkdir(exist_ok=True)
    harness = Harness(state, partner="bank")
    harness.inbox = StrictInbox(harness.message)
    object.__setattr__(harness.context, "inbox", harness.inbox)
    return Rig(harness, settings, bank)
