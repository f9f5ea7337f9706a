"""Files that travel as they are: what settings may say of them, and what becomes of their contents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.generic import adapter
from adapters.generic.settings import GenericSettings
from gateway.canonical import Attachment
from gateway.canonical.exchange import FileSubmitted
from gateway.contract import Absent, Accepted, ConfigError, Reject, RetryLater, Unavailable, conformance
from gateway.engine.config import lint, load
from gateway.transports.files.local import LocalWatcher
from tests.adapters.context import Harness

CONTENT = os.urandom(3 << 20)


def carried(**facts: Any) -> dict[str, Any]:
    return {
        "name": "Forward", "title": {"zh": "转送", "en": "Forward"}, "direction": "inbound",
        "type": "file.exchange.submitted.v1", "request": "file", **facts,
    }  # fmt: skip


def outbound(folder: Path, **facts: Any) -> GenericSettings:
    operation = carried(
        direction="outbound", reference="{file_name}", on_unknown="resend", idempotent=True, **facts
    )
    way = {"kind": "folder", "path": folder, "companion": [".sm3", ".ok"]}
    return GenericSettings.model_validate({"operations": [operation], "outbound": way})


def watcher(folder: Path, harness: Harness, **facts: Any) -> LocalWatcher:
    settings = GenericSettings.model_validate(
        {
            "operations": [carried(**facts)],
            "inbound": {"kind": "folder", "path": folder / "in", "body_limit": "1GiB"},
        }
    )
    assert list(adapter.problems(settings)) == []
    made = adapter.receiver(settings, harness.context)
    assert isinstance(made, LocalWatcher)
    made._make_folders()
    return made


def test_the_example_is_right_and_conforms() -> None:
    folder = Path(__file__).parents[3] / "config" / "examples" / "file-exchange"
    assert lint(folder) == []
    for partner in load(folder).partners.values():
        assert conformance.problems(adapter, partner.settings) == []


async def test_a_file_goes_from_one_to_the_other(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness)
    (tmp_path / "in" / "清单.zip").write_bytes(CONTENT)
    await it.look()
    [inbound] = harness.inbox.accepted
    body = inbound.body
    assert isinstance(body, FileSubmitted)
    assert (body.file_name, body.size, inbound.raw) == ("清单.zip", len(CONTENT), b"")
    settings = outbound(tmp_path / "out")
    (tmp_path / "out").mkdir()
    assert list(adapter.problems(settings)) == []
    sender: Any = adapter.sender(settings, harness.context)
    message = harness.message(body, attachment=inbound.attachment)
    prepared = await sender.prepare(message)
    assert (prepared.reference, prepared.content) == ("清单.zip", b"")
    for _ in range(2):
        assert isinstance(await sender.send(message, prepared), Accepted)
    assert (tmp_path / "out" / "清单.zip").read_bytes() == CONTENT
    assert sorted(os.listdir(tmp_path / "out")) == ["清单.zip", "清单.zip.ok", "清单.zip.sm3"]
    (tmp_path / "out" / "清单.zip.ok").unlink()
    assert isinstance(await sender.query(message, prepared), Absent)


async def test_what_is_kept_is_not_kept_again_while_it_cannot_be_committed(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness)
    (tmp_path / "in" / "a.zip").write_bytes(CONTENT)
    accept = harness.inbox.accept

    async def later(inbound: Any) -> Any:
        raise Unavailable("库不可用", "no store")

    harness.inbox.accept = later  # type: ignore[method-assign]
    for _ in range(3):
        await it.look()
    assert len(harness.inbox.attachments.contents) == 1
    assert harness.inbox.refused == []
    harness.inbox.accept = accept  # type: ignore[method-assign]
    await it.look()
    assert len(harness.inbox.accepted) == len(harness.inbox.attachments.contents) == 1


async def test_a_content_that_was_refused_is_kept_anew_when_it_comes_again(tmp_path: Path) -> None:
    """Nobody named the first copy, and after a day it is gone."""
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness)
    accept = harness.inbox.accept

    async def nowhere(inbound: Any) -> Any:
        raise Reject("没有配置路由", "no route", code="no-route")

    harness.inbox.accept = nowhere  # type: ignore[method-assign]
    (tmp_path / "in" / "a.zip").write_bytes(CONTENT)
    await it.look()
    harness.inbox.accept = accept  # type: ignore[method-assign]
    (tmp_path / "in" / "a.zip").write_bytes(CONTENT)
    await it.look()
    [inbound] = harness.inbox.accepted
    assert inbound.attachment is not None
    assert inbound.attachment.claim == "claim-2"


async def test_a_content_kept_too_long_ago_is_not_named_any_more(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness)
    (tmp_path / "in" / "a.zip").write_bytes(CONTENT)
    accept, now = harness.inbox.accept, [0.0]
    harness.clock.monotonic = lambda: now[0]  # type: ignore[method-assign]

    async def later(inbound: Any) -> Any:
        raise Unavailable("库不可用", "no store")

    harness.inbox.accept = later  # type: ignore[method-assign]
    await it.look()
    harness.inbox.accept = accept  # type: ignore[method-assign]
    now[0] = 86_400.0
    await it.look()
    [inbound] = harness.inbox.accepted
    assert inbound.attachment is not None
    assert inbound.attachment.claim == "claim-2"


async def test_a_damaged_content_is_tried_again_and_nothing_of_it_is_seen(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")

    def damaged(attachment: Any, start: int = 0) -> Iterator[bytes]:
        yield CONTENT[:100]
        raise ConfigError("附件已损坏", "the attachment is damaged")

    harness.inbox.attachments.read = damaged  # type: ignore[method-assign]
    (tmp_path / "out").mkdir()
    sender: Any = adapter.sender(outbound(tmp_path / "out"), harness.context)
    body = FileSubmitted(file_name="a.zip", size=len(CONTENT), sha256="0" * 64)
    kept = Attachment(claim="claim-1", size=len(CONTENT), sha256="0" * 64)
    message = harness.message(body, attachment=kept)
    prepared = await sender.prepare(message)
    outcome = await sender.send(message, prepared)
    assert isinstance(outcome, RetryLater)
    assert "damaged" in outcome.reason
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(("key", "numbers"), [(None, 1), ("content", 1), ("file_name", 2)])
async def test_what_makes_two_files_one_message(tmp_path: Path, key: str | None, numbers: int) -> None:
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness, id=key)
    for name in ("a.zip", "b.zip"):
        (tmp_path / "in" / name).write_bytes(CONTENT)
    await it.look()
    assert len({inbound.partner_message_id for inbound in harness.inbox.accepted}) == numbers
    assert len({inbound.idempotency for inbound in harness.inbox.accepted}) == 1


async def test_no_route_is_told_to_its_sender(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "state")
    it = watcher(tmp_path, harness)
    (tmp_path / "in" / "a.zip").write_bytes(CONTENT)

    async def nowhere(inbound: Any) -> Any:
        raise Reject("没有配置路由", "no route", code="no-route")

    harness.inbox.accept = nowhere  # type: ignore[method-assign]
    await it.look()
    assert [refusal.code for refusal in harness.inbox.refused] == ["no-route"]
    assert "a.zip.report.txt" in os.listdir(tmp_path / "in" / "rejected")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "organisation.registration.changed.v1"},
        {"id": "notice_no"},
        {"reply": "mappings/x.yaml"},
        {"style": "request-reply", "reply_type": "gateway.request.done.v1", "reply": "mappings/x.yaml"},
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    inbound = {"kind": "folder", "path": tmp_path}
    with pytest.raises(ValidationError):
        GenericSettings.model_validate({"operations": [carried(**wrong)], "inbound": inbound})


def test_only_ways_of_files_carry_files(tmp_path: Path) -> None:
    inbound = {"kind": "http", "listen": "127.0.0.1:0", "path": "/x", "authentication": {"kind": "none"}}
    settings = GenericSettings.model_validate({"operations": [carried()], "inbound": inbound})
    assert [problem.path for problem in adapter.problems(settings)] == ["operations[0].request"]


def test_who_fetches_needs_an_account(tmp_path: Path) -> None:
    operation = carried(direction="outbound", on_unknown="query")
    way = {"kind": "sftp-account", "path": tmp_path}
    settings = GenericSettings.model_validate({"operations": [operation], "outbound": way})
    assert [problem.path for problem in adapter.problems(settings)] == ["outbound.path"]


def test_slots_are_those_there_are(tmp_path: Path) -> None:
    settings = outbound(tmp_path).model_dump()
    settings["operations"][0]["reference"] = "{lost}"
    found = list(adapter.problems(GenericSettings.model_validate(settings)))
    assert [problem.path for problem in found] == ["operations[0].reference"]
