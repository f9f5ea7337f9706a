"""A hospital's HL7 engine, reporting a ward's events to us over MLLP.

    engine = HospitalEngine("127.0.0.1", 2575, ward=Ward(start))
    ack = await engine.report("ADT^A01")

It behaves as a careful engine does: where no answer comes it sends the same message once more under the same
control id. By hand, against a gateway that runs:

    python -m adapters.hospital.simulator.hl7 --to 127.0.0.1:2575 --patients 3 --events ADT^A01,ADT^A02,ADT^A03
    python -m adapters.hospital.simulator.hl7 --to 127.0.0.1:2575 --attack no-start
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from adapters.hospital.simulator.ward import STAY, Hl7Message, Ward
from gateway.transports.http import ClientTls
from gateway.transports.mllp import BadAnswer, MllpClient, NoAnswer, NotSent
from gateway.transports.process import install_reactor

_CHINA = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Ack:
    """What came back. An empty `code` means that no acknowledgement did."""

    code: str = ""  #: MSA-1
    control_id: str = ""  #: MSA-2
    text: str = ""  #: MSA-3
    error: str = ""  #: ERR-1
    event: str = ""  #: MSH-9
    reason: str = ""  #: why there is none
    raw: bytes = b""
    attempts: int = 1


def read_ack(raw: bytes, charset: str, attempts: int = 1) -> Ack:
    """An acknowledgement as a hospital understands it."""
    lines = [line.split("|") for line in _decoded(raw, charset).split("\r") if line]
    segments = {line[0]: [*line, *[""] * 20] for line in lines}
    msh, msa, err = (segments.get(name, [""] * 20) for name in ("MSH", "MSA", "ERR"))
    return Ack(msa[1], msa[2], msa[3], err[1], msh[8], "", raw, attempts)


def _decoded(raw: bytes, charset: str) -> str:
    """In the charset of the message it answers, whatever that one said of itself."""
    with contextlib.suppress(UnicodeDecodeError):
        return raw.decode(charset)
    return raw.decode("utf-8")


class HospitalEngine:
    """One hospital.

    Args:
        connection: `persistent`, or `one-message` for one connection each.
        timeout: seconds to wait for an answer.
        repeats: how often the same message is sent again where none comes.
        pause: seconds before that.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ward: Ward | None = None,
        charset: str = "gbk",
        connection: str = "persistent",
        timeout: float = 10.0,
        repeats: int = 0,
        pause: float = 0.5,
        tls: ClientTls | None = None,
        reactor: Any = None,
    ) -> None:
        self.host = host
        self.port = port
        self.charset = charset
        self.timeout = timeout
        self.reactor = reactor or _installed_reactor()
        self.ward = ward or Ward(dt.datetime.now(_CHINA), charset=charset)
        self._repeats = repeats
        self._pause = pause
        self._numbers = count()
        self._client = MllpClient(
            host,
            port,
            keep=connection == "persistent",
            timeout=timeout,
            tls=tls,
            reactor=self.reactor,
        )

    def number(self) -> int:
        """The next patient."""
        return next(self._numbers)

    async def report(self, event: str, patient: int = 0, repeat: int = 0) -> Ack:
        """Sends what the ward writes of an event."""
        return await self.send(self.ward.message(event, patient, repeat))

    async def stay(self, patient: int, events: Iterable[str] = STAY) -> list[Ack]:
        """One patient's stay, each event once the one before is acknowledged."""
        return [await self.report(event, patient) for event in events]

    async def send(self, message: Hl7Message | bytes) -> Ack:
        """Sends a message; the same again where no answer comes, as often as allowed."""
        data = message if isinstance(message, bytes) else message.data
        for attempt in range(1, self._repeats + 2):
            ack = await self._once(data, attempt)
            if ack.code or attempt > self._repeats:
                break
            await self.sleep(self._pause)
        return ack

    async def attack(self, name: str) -> Ack:
        """Does something bad of a kind listed in `hl7_attacks.ATTACKS` and returns what came back."""
        from adapters.hospital.simulator.hl7_attacks import ATTACKS  # noqa: PLC0415  written in terms of this class

        ack: Ack = await ATTACKS[name](self)
        return ack

    async def close(self) -> None:
        await self._client.close()

    def sleep(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, done.callback, None)
        return done

    async def _once(self, data: bytes, attempt: int) -> Ack:
        try:
            return read_ack(await self._client.send(data), self.charset, attempt)
        except (NotSent, NoAnswer, BadAnswer) as error:
            return Ack(reason=f"{type(error).__name__} {error.kind}", attempts=attempt)


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs one

    return reactor


async def _play(arguments: argparse.Namespace) -> bool:
    """Whether everything was acknowledged."""
    host, _, port = arguments.to.rpartition(":")
    ward = Ward(dt.datetime.now(_CHINA), facility=arguments.facility, charset=arguments.charset)
    engine = HospitalEngine(
        host, int(port), ward=ward, charset=arguments.charset, connection=arguments.connection, repeats=2
    )
    good = True
    if arguments.attack:
        _show(arguments.attack, "", await engine.attack(arguments.attack))
    else:
        for patient in range(arguments.patients):
            for event in arguments.events.split(","):
                ack = await engine.report(event, patient)
                good &= ack.code == "AA"
                _show(event, ward.visit(patient), ack)
    await engine.close()
    return good


def _show(what: str, visit: str, ack: Ack) -> None:
    sys.stdout.write(f"{what:<14} {visit:<22} {ack.code or '--'} {ack.text or ack.reason}\n")


def main() -> None:
    """Plays a ward's day; exit 0 only if every message was acknowledged."""
    parser = argparse.ArgumentParser(prog="python -m adapters.hospital.simulator.hl7")
    parser.add_argument("--to", default="127.0.0.1:2575", metavar="HOST:PORT")
    parser.add_argument("--facility", default="DEMO", help="MSH-4")
    parser.add_argument("--charset", choices=["gbk", "gb18030", "utf-8"], default="gbk")
    parser.add_argument("--connection", choices=["persistent", "one-message"], default="persistent")
    parser.add_argument("--patients", type=int, default=3)
    parser.add_argument("--events", default=",".join(STAY), help="of each patient, in this order")
    parser.add_argument("--attack", metavar="NAME", help="one of hl7_attacks.ATTACKS, in place of the day")
    arguments = parser.parse_args()
    reactor = install_reactor()
    outcome: list[bool] = []

    def failed(failure: Any) -> None:
        sys.stderr.write(f"{failure.getErrorMessage()}\n")

    def begin() -> None:
        done = Deferred.fromCoroutine(_play(arguments)).addCallback(outcome.append).addErrback(failed)
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    sys.exit(0 if outcome == [True] else 1)


if __name__ == "__main__":
    main()
