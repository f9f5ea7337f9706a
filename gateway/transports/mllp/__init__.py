"""MLLP, the minimal lower layer protocol of HL7 v2: messages framed on a TCP connection, each acknowledged."""

from gateway.transports.mllp.client import BadAnswer, MllpClient, NoAnswer, NotSent
from gateway.transports.mllp.frames import BadFrame, Frames, frame
from gateway.transports.mllp.server import Broken, MllpLimits, MllpServer, Peer

__all__ = [
    "BadAnswer",
    "BadFrame",
    "Broken",
    "Frames",
    "MllpClient",
    "MllpLimits",
    "MllpServer",
    "NoAnswer",
    "NotSent",
    "Peer",
    "frame",
]
