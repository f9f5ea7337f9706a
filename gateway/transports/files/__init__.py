"""File exchange: whole files from and to partners, by folders, their SFTP servers, or accounts on ours.

    in:   where it arrives ─ complete? checked? ─► Taker ─ taken ───► receipt, moved away
                                                     └─ turned away ─► rejected/, with a report for people
    out:  Deposit ─ part name ─ verified ─► final name ─► companions

`taking` is the seam for adapters; `folder`, `sftp` and `account` have the settings of each way, which make what works:
`receiver(taker, context)` of the inbound ones, `deposit(context)` of the outbound ones.
"""

from gateway.transports.files.account import AccountInbound, AccountOutbound
from gateway.transports.files.content import Content
from gateway.transports.files.folder import FolderInbound, FolderOutbound
from gateway.transports.files.leaving import Deposit, NameTaken, Uncertain
from gateway.transports.files.sftp import SftpInbound, SftpOutbound
from gateway.transports.files.taking import Arrived, Finding, NotNow, Taken, Taker, TurnedAway

__all__ = [
    "AccountInbound",
    "AccountOutbound",
    "Arrived",
    "Content",
    "Deposit",
    "Finding",
    "FolderInbound",
    "FolderOutbound",
    "NameTaken",
    "NotNow",
    "SftpInbound",
    "SftpOutbound",
    "Taken",
    "Taker",
    "TurnedAway",
    "Uncertain",
]
