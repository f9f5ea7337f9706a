"""A process that works one list off, so that a test can kill it: `python -m tests.adapters.police.asker DIR URL N`."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.police import adapter
from adapters.police.sender import PoliceSender
from adapters.police.settings import PoliceSettings
from adapters.police.simulator import invented
from gateway.contract import Accepted
from tests import twisted_runner
from tests.adapters.context import Harness
from tests.adapters.police.rig import PURPOSE, checks, service


async def work(folder: Path, url: str, count: int) -> None:
    """The same message each time."""
    settings = PoliceSettings.model_validate({"service": service("nciic", url)})
    harness = Harness(folder, partner="police")
    sender = adapter.sender(settings, harness.context)
    assert isinstance(sender, PoliceSender)
    body = checks([(person.number, person.name) for person in map(invented, range(count))])
    message = harness.message(body, id="01900000-0000-7000-8000-000000000001", purpose=PURPOSE)
    outcome = await sender.send(message, await sender.prepare(message))
    assert isinstance(outcome, Accepted), outcome
    rows = getattr(outcome.reply, "persons", ())
    sys.stdout.write(" ".join(str(sum(row.outcome == o for row in rows)) for o in ("match", "not_found")))
    sender._channel.link.http.close()


if __name__ == "__main__":
    try:
        twisted_runner.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])), timeout=100.0)
    finally:
        twisted_runner.shut_down()
