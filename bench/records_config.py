"""The gateway of the records benchmark: one bank, and one receiver of what it returns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from bench.records_book import SETTINGS
from gateway.contract import Adapter, Context, Manifest, Settings, Title
from gateway.engine.config import Configuration, Partner
from gateway.engine.config_model import GatewaySettings
from gateway.engine.lifecycle import Policy
from gateway.engine.routes import Route

#: What becomes of the records: published one by one, or booked one by one.
Job = Literal["feed", "book"]


class _NoSettings(Settings):
    pass


def configuration(
    folder: Path, amqp: str, job: Job, receiver: Callable[[Context], Any] = lambda _: None
) -> Configuration:
    """Everything on, in one folder."""
    title = Title(zh="示例银行", en="a bank")
    adapter = Adapter(
        folder=folder,
        manifest=Manifest(name="bank", title=title, contract=1),
        settings=_NoSettings,
        receiver=lambda _, context: receiver(context),
    )
    bank = Partner(
        name="bank",
        title=title.zh,
        region="990101",
        enabled=True,
        adapter=adapter,
        settings=_NoSettings(),
        policy=Policy(),
        concurrency=1,
    )
    feed = {"name": "core", "types": ["payment.item.*"], "key_file": str(folder / "core.key")}
    settings = {
        "node": "bench",
        "region": "990101",
        "data_dir": str(folder),
        "store": {"url": f"sqlite:///{folder}/gateway.db"},
        "bus": {"kind": "rabbitmq", "url": amqp},
        "audit": {"origin": "bench.example/audit"},
        "admin": {"listen": "127.0.0.1:0"},
        "feeds": [feed] if job == "feed" else [],
    }
    return Configuration(
        folder=folder,
        gateway=GatewaySettings.model_validate(settings),
        partners={"bank": bank},
        routes=()
        if job == "feed"
        else (Route("returns", "payment.batch.returned.v1", "*", "*", ("payments",)),),
        payments=None if job == "feed" else SETTINGS,
    )
