"""`feed peek` shows what waits for a consumer, and leaves it there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from twisted.internet import reactor

from gateway.bus import BusSettings, make_bus
from gateway.bus.private_broker import PrivateBroker
from gateway.engine.feed_seal import FeedKey

pytestmark = pytest.mark.rabbitmq
QUEUE = "gateway.feed.core"
#: A configuration that needs no adapter.
GATEWAY = """\
node: gw-1
region: "990100"
data_dir: data
bus: {{kind: rabbitmq, url: "{url}"}}
audit: {{origin: gateway.example/audit}}
feeds: [{{name: core, types: ["payment.item.*"], key_file: core.key}}]
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    own = PrivateBroker(tmp_path / "broker")
    own.start()
    yield own
    own.stop()


def _feed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "feed", *arguments, "--config", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_what_waits_is_shown_and_stays(tmp_path: Path, broker: PrivateBroker) -> None:
    folder = tmp_path / "config"
    (folder / "partners").mkdir(parents=True)
    (folder / "gateway.yaml").write_text(GATEWAY.format(url=broker.url), encoding="utf-8")
    (folder / "routes.yaml").write_text("[]\n", encoding="utf-8")
    path = folder / "core.key"
    path.write_bytes(base64.b64encode(os.urandom(32)))
    path.chmod(0o600)
    assert _feed(folder, "peek", "core").returncode == 3, "nobody has declared the queue yet"
    bus = make_bus(BusSettings.model_validate({"kind": "rabbitmq", "url": SecretStr(broker.url)}), reactor)
    await bus.start()
    try:
        await bus.declare(QUEUE, [])
        key = FeedKey.load(path)
        event = {"type": "payment.item.returned.v1", "data": {"name": "张三丰", "amount": 5}}
        window = [
            (f"m-{n}", key.close(f"m-{n}", json.dumps({"id": f"m-{n}", **event}).encode())) for n in range(9)
        ]
        await bus.publish_many(QUEUE, window, {})
        for _ in range(2):
            done = _feed(folder, "peek", "core", "--count", "3", "--json")
            assert done.returncode == 0, done.stderr
            shown = json.loads(done.stdout)
            assert [item["id"] for item in shown] == ["m-0", "m-1", "m-2"]
            assert "张三丰" not in done.stdout
        (listed,) = json.loads(_feed(folder, "list", "--json").stdout)
        assert (listed["queue"], listed["closed"]) == (QUEUE, "AES-256-GCM")
        assert _feed(folder, "peek", "other").returncode == 1
    finally:
        await bus.stop()
