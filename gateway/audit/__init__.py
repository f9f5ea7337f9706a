"""The audit log: a transparency log (RFC 6962, C2SP tlog-tiles) that outsiders can verify.

`Integrator` extends a log folder from the store, `Prover` makes receipts and proofs from that folder, and
`gateway/audit/verify.py` checks either without the gateway. Entries are made with `Entry` and `encode`.
"""

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entry import SALT_BYTES, Entry, decode, encode, salted_digest
from gateway.audit.errors import (
    AuditError,
    BadKeyFile,
    BadNote,
    BadProof,
    LogBusy,
    LogInconsistent,
    NotInLog,
)
from gateway.audit.integrator import IntegrationResult, Integrator
from gateway.audit.keys import create_signer, load_signer, load_verifiers, write_vkey
from gateway.audit.proof import verify_receipt
from gateway.audit.prover import Prover
from gateway.audit.source import AuditSource

__all__ = [
    "SALT_BYTES",
    "AuditError",
    "AuditSource",
    "BadKeyFile",
    "BadNote",
    "BadProof",
    "Checkpoint",
    "Entry",
    "IntegrationResult",
    "Integrator",
    "LogBusy",
    "LogInconsistent",
    "NotInLog",
    "Prover",
    "create_signer",
    "decode",
    "encode",
    "load_signer",
    "load_verifiers",
    "salted_digest",
    "verify_receipt",
    "write_vkey",
]
