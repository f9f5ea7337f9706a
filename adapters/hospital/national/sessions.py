"""Who has signed in (9001) and not out (9002): a small file, so that a restart signs nobody out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from adapters.hospital.national.files import replace

_MOST = 10_000


class Session(Struct, frozen=True):
    """One sign-in."""

    sign_no: str
    institution: str
    operator: str
    msgid: str  #: of the request that opened it: repeated, it opens no other
    opened: dt.datetime
    expires: dt.datetime


class Sessions:
    """Of one partner.

    Args:
        file: where they are kept; made when first needed.
        lifetime: seconds that a sign-in holds.
        random: for numbers that cannot be guessed.
    """

    def __init__(self, file: Path, lifetime: float, random: Callable[[int], bytes]) -> None:
        self._file = file
        self._lifetime = dt.timedelta(seconds=lifetime)
        self._random = random
        self._open: dict[str, Session] | None = None

    def sign_in(self, institution: str, operator: str, msgid: str, now: dt.datetime, region: str) -> Session:
        """A new session; the one it opened where the request was seen before.

        Raises:
            OSError: it cannot be kept.
        """
        known = dict(self._known(now))
        for session in known.values():
            if (session.institution, session.msgid) == (institution, msgid):
                return session
        if len(known) >= _MOST:
            del known[min(known.values(), key=lambda session: session.expires).sign_no]
        number = f"{region}S{self._random(7).hex()[:13]}"  # 9002 takes 20 characters
        session = Session(number, institution, operator, msgid, now, now + self._lifetime)
        self._keep({**known, number: session})
        return session

    def sign_out(self, sign_no: str, institution: str, now: dt.datetime) -> bool:
        """Whether there was one to end.

        Raises:
            OSError: the change cannot be kept.
        """
        known = dict(self._known(now))
        session = known.get(sign_no)
        if session is None or session.institution != institution:
            return False
        del known[sign_no]
        self._keep(known)
        return True

    def holds(self, sign_no: str, institution: str, now: dt.datetime) -> bool:
        """Whether this institution may work under this number."""
        session = self._known(now).get(sign_no)
        return session is not None and session.institution == institution

    def _known(self, now: dt.datetime) -> dict[str, Session]:
        if self._open is None:
            self._open = self._read()
        if any(session.expires <= now for session in self._open.values()):
            self._open = {n: session for n, session in self._open.items() if session.expires > now}
        return self._open

    def _read(self) -> dict[str, Session]:
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=list[Session])
        except (FileNotFoundError, msgspec.MsgspecError):  # unreadable: everybody signs in anew
            return {}
        return {session.sign_no: session for session in found}

    def _keep(self, sessions: dict[str, Session]) -> None:
        """On disk before anybody is told."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        replace(self._file, msgspec.json.encode(list(sessions.values())))
        self._open = sessions
