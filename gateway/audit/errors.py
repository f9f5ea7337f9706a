"""What can go wrong with the audit log. Every message ends with what to do next."""

from __future__ import annotations


class AuditError(Exception):
    """The root of this package's errors."""


class BadNote(AuditError):
    """A signed note, checkpoint or verifier key that is malformed or not signed by a key we know."""


class BadProof(AuditError):
    """A receipt that is malformed or does not prove what it claims."""


class BadKeyFile(AuditError):
    """A key file that is missing, unreadable, or readable by too many people."""


class NotInLog(AuditError):
    """The index asked for is not covered by the published checkpoint (yet)."""


class LogBusy(AuditError):
    """Another process is already extending this log folder."""


class LogInconsistent(AuditError):
    """Store, tiles and checkpoint contradict each other; nothing is signed until a person has looked.

    Args:
        what: the contradiction, with the file or index where it shows.
        action: what the operator does next.
    """

    def __init__(self, what: str, action: str) -> None:
        super().__init__(f"{what}; nothing was signed. Next: {action}")
        self.what = what
        self.action = action
