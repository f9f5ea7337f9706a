"""The session of one node with the network, and the network's working day.

                     ┌──────────────── refused, no answer: a pause that grows ───────────────────┐
                     ▼                                                                           │
    start ────────► OUT ──────9006 put──────9007 success──────► OPEN ◄──9005, 9120──┐            │
                     ▲ │                                        │  │ └──────────────┘            │
                     │ └────────────────────────────────────────┼──┼─────────────────────────────┘
                     │                                          │  └─9102 of our node or the centre, 9104──► HALTED
                     └─9103, "not logged in", 9005 unanswered, ─┘                                              │
                       a put that failed                       OPEN ◄──9101, or a log-in at the next turn──────┘
    stop ──► CLOSED: nothing more is sent but 9008

The working day and the state of the network come from the head of 9007 and from 9101 alone, never from the clock. They
are durable before the message that brought them leaves its queue. Without a day, or where the network is not open,
business waits: `day` raises PartnerDown, which uses no attempt up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from adapters.treasury.line.exchange import Heard
from adapters.treasury.line.ledger import Ledger, Request
from adapters.treasury.line.passwords import Passwords
from adapters.treasury.settings import TreasurySettings
from adapters.treasury.wire import Head
from gateway.canonical import Body
from gateway.canonical.levy_network import (
    ConnectionTested,
    NodeFaultAnnounced,
    NodeLoggedOut,
    NodeLogInAnswered,
    NodeLogOutAsked,
    ServiceStopped,
    WorkingDayChanged,
)
from gateway.contract import Context, PartnerDown, Reject, Unavailable

LOG_IN, LOG_OUT, TEST = "9006", "9008", "9005"
#: Seconds that a stop waits for the answer to 9008.
_FAREWELL: Final = 5.0
#: Seconds between turns where there is nothing to do.
_LOOK: Final = 300.0


class Phase(Enum):
    """See the module's drawing."""

    OUT = "logged out"
    OPEN = "open"
    HALTED = "halted"
    CLOSED = "closed"


class Call(Protocol):
    """Puts one message of the session and waits for its answer."""

    async def __call__(self, number: str, body: Body, wait: float) -> Heard: ...


class Session:
    """One node's.

    Args:
        succeeded: whether a result code means success.
    """

    def __init__(
        self,
        settings: TreasurySettings,
        context: Context,
        ledger: Ledger,
        call: Call,
        succeeded: Callable[[str], bool],
    ) -> None:
        self._settings, self._wait = settings.session, settings.timeout
        self._concern = (settings.node, settings.centre)  #: whose faults stop us
        self._context, self._ledger, self._call, self._succeeded = context, ledger, call, succeeded
        self._passwords = Passwords(settings.session, ledger, context.random)
        self.phase = Phase.CLOSED
        self.known_day: dt.date | None = None  #: for heads; business asks for `day`
        self._state = ""
        self._inside = False  #: logged in when it was closed
        self._asked_at = 0.0  #: when the latest log-in was put
        self._switched = False  #: a 9101 has come since
        self._pause = self._settings.retry
        self._timer: Any = None
        self._turning: Deferred[None] | None = None

    def day(self) -> dt.date:
        """The working day, if business may be sent now.

        Raises:
            PartnerDown: not now; nothing was sent.
        """
        if self.phase in (Phase.OUT, Phase.CLOSED):
            zh, en = "尚未登录财税库银网络，业务等待", "not logged in to the treasury network: business waits"
            raise PartnerDown(zh, en)
        if self.phase is Phase.HALTED or not self._open():
            zh, en = "财税库银网络停运或故障，业务等待", "the treasury network is not open: business waits"
            raise PartnerDown(zh, en)
        if self.known_day is None:
            zh, en = "尚不知网络的工作日，业务等待", "the network's working day is not known: business waits"
            raise PartnerDown(zh, en)
        return self.known_day

    # Life

    async def start(self) -> None:
        """Takes up what is remembered; logs in as soon as the reactor turns."""
        day = await self._ledger.fact("day")
        self.known_day = None if day is None else dt.date.fromisoformat(day)
        self._state = await self._ledger.fact("state") or ""
        self.phase = Phase.OUT if self._settings.log_in else Phase.OPEN
        self._later(0.0)

    def close(self) -> None:
        """No business begins any more."""
        self._inside = self.phase in (Phase.OPEN, Phase.HALTED)
        self.phase = Phase.CLOSED
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def end(self) -> None:
        """Logs out, if we are in: best effort, for the network ends a session by itself as well."""
        turning, self._turning = self._turning, None
        if turning is not None:
            await turning
        if not self._inside or not self._settings.log_in:
            return
        try:
            goodbye = NodeLogOutAsked(password=await self._passwords.current())
            await self._call(LOG_OUT, goodbye, min(_FAREWELL, self._wait))
        except (PartnerDown, Reject, Unavailable) as error:
            self._context.log.warning("treasury.log_out_not_sent", reason=error.en)

    def lost(self, reason: str) -> None:
        """The network may not take us for logged in any more: a new log-in comes first."""
        if self.phase in (Phase.OPEN, Phase.HALTED) and self._settings.log_in:
            self._context.log.warning("treasury.session_lost", reason=reason)
            self.phase = Phase.OUT
            self._hurry(0.0)

    # What the network says

    async def hear(self, body: Body, head: Head, request: Request | None) -> None:
        """Takes over what a message of the session says, durably. `request` is ours that it answers."""
        if isinstance(body, NodeLogInAnswered):
            # An answer to an earlier log-in, such as one from before a restart, speaks of an earlier day.
            if self._succeeded(body.raw_code) and request is not None and request.at >= self._asked_at:
                await self._logged_in(body, head)
        elif isinstance(body, WorkingDayChanged):
            if self._settings.log_in and self.known_day is not None and body.working_day < self.known_day:
                # It lay on the queue, or was overtaken there; or the network went back. A log-in tells which.
                self.lost("9101")
                return
            self._switched = True
            await self._take_over(body.working_day, body.system_state)
            self._reopen(Phase.HALTED)
        elif isinstance(body, NodeLoggedOut):
            self.lost("9103")
        elif isinstance(body, ServiceStopped):
            self._halt("9104")
        elif isinstance(body, NodeFaultAnnounced) and body.node_code in self._concern:
            self._halt("9102")

    async def _logged_in(self, body: NodeLogInAnswered, head: Head) -> None:
        day, known = head.work_date, self.known_day
        # A 9101 that was sent after this answer, on the other queue, may be here first.
        overtaken = self._switched and day is not None and known is not None and day < known
        if day is not None and not overtaken:
            await self._take_over(day, body.system_state or self._state)
        self._reopen(Phase.OUT, Phase.HALTED)
        self._context.log.info("treasury.logged_in")

    async def _take_over(self, day: dt.date, state: str) -> None:
        await self._ledger.note(day=day.isoformat(), state=state)
        if (day, state) != (self.known_day, self._state):
            self._context.log.info("treasury.working_day", day=day.isoformat(), state=state)
        self.known_day, self._state = day, state

    def _halt(self, number: str) -> None:
        self._context.log.warning("treasury.halted", number=number)
        if self.phase is Phase.OPEN:
            self.phase = Phase.HALTED
            self._hurry(self._settings.retry)

    def _reopen(self, *phases: Phase) -> None:
        if self.phase in phases:
            self.phase = Phase.OPEN

    def _open(self) -> bool:
        return not self._settings.open_states or self._state in self._settings.open_states

    # Turns

    def _later(self, delay: float) -> None:
        if self.phase is not Phase.CLOSED:
            self._timer = self._context.reactor.callLater(delay, self._turn)

    def _hurry(self, delay: float) -> None:
        """The next turn comes after `delay`, not later; one under way looks at the phase by itself."""
        timer = self._timer
        if timer is not None and timer.active() and timer.getTime() - self._context.reactor.seconds() > delay:
            timer.reset(delay)

    def _turn(self) -> None:
        self._turning = Deferred.fromCoroutine(self._step())

    async def _step(self) -> None:
        try:
            delay = await self._look()
        except (PartnerDown, Reject) as error:
            self._context.log.warning("treasury.session_waits", reason=error.en)
            delay = self._settings.retry
        except Exception as error:  # whatever it was, the next turn comes
            self._context.log.error("treasury.session_failed", error=type(error).__name__)
            delay = self._longer()
        self._later(delay)

    async def _look(self) -> float:
        """One turn. Returns seconds until the next."""
        if self._settings.log_in and self.phase in (Phase.OUT, Phase.HALTED):
            return await self._log_in()
        every = self._settings.test_every
        if every is None:
            return _LOOK
        await self.test()
        return 0.0 if self.phase is Phase.OUT else every

    async def test(self) -> bool:
        """Whether the network answers a 9005; where it does not, we log in again. Raises PartnerDown."""
        heard = await self._call(TEST, ConnectionTested(), self._wait)
        if heard.answer is None:
            self.lost("9005")
        return heard.answer is not None

    async def _log_in(self) -> float:
        self._asked_at, self._switched = self._context.clock.now().timestamp(), False
        offer = await self._passwords.offer()
        heard = await self._call(LOG_IN, offer, self._wait)
        if heard.answer is None:
            self._context.log.warning("treasury.log_in_unanswered")
            return self._longer()
        answer = heard.answer.body
        if not isinstance(answer, NodeLogInAnswered) or not self._succeeded(answer.raw_code):
            code = getattr(answer, "raw_code", "")
            self._context.log.error("treasury.log_in_refused", code=code)
            self._passwords.refused()
            return self._longer()
        await self._passwords.accepted(offer)
        self._pause = self._settings.retry
        # It may have been ended, or halted, in this very moment.
        return (self._settings.test_every or _LOOK) if self.phase is Phase.OPEN else self._settings.retry

    def _longer(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, self._settings.retry_longest)
        return pause
