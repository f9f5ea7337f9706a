"""The line to the network: session, numbers, queues, and what becomes of each message. See `README.md` of the adapter."""

from adapters.treasury.line.channel import channel
from adapters.treasury.line.checker import TreasuryChecker
from adapters.treasury.line.receiver import TreasuryReceiver
from adapters.treasury.line.resolver import TreasuryResolver
from adapters.treasury.line.sender import TreasurySender

__all__ = ["TreasuryChecker", "TreasuryReceiver", "TreasuryResolver", "TreasurySender", "channel"]
