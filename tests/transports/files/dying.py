"""The gateway, which kills itself (SIGKILL) once, at the step its first argument names:

claimed      the file was moved out of its maker's reach
kept         its content is in the chest, its message is not committed
committed    its message is committed, the receipt is not written
receipted    the receipt is written, the file is still there
proving      the proof is about to be written
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

from gateway.cli.main import main
from gateway.engine.inbox import PartnerInbox
from gateway.transports.files.local import LocalWatcher
from gateway.transports.files.receipts import Receipts

#: What is about to be called when it dies.
STEPS: Final[dict[str, tuple[type[Any], str]]] = {
    "claimed": (LocalWatcher, "fetched"),
    "kept": (PartnerInbox, "accept"),
    "committed": (LocalWatcher, "receipted"),
    "receipted": (LocalWatcher, "settled"),
    "proving": (Receipts, "_prove"),
}


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    owner, method = STEPS[sys.argv.pop(1)]
    setattr(owner, method, _die)
    main()
