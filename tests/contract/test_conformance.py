"""The conformance kit: a sound adapter passes, and each kind of departure is named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from pydantic import Field

from gateway.contract import Adapter, ConfigError, Manifest, Operation, Secret, Settings, Title
from gateway.contract import conformance as kit

SAMPLE = {
    "type": "settlement.reversal.done.v1",
    "data": {"original_message_id": "1", "raw_code": "0"},
}
MANIFEST = """
name: sound
title: {zh: 样例, en: Sound}
contract: 1
transports: [http]
operations:
  - name: Query
    title: {zh: 查询, en: Query}
    direction: out
    request: identity.person.queried.v1
    reply: identity.person.answered.v1
    on_unknown: query
"""


class SoundSettings(Settings):
    """Settings without fault."""

    count: int = Field(default=3, ge=1, description="数量 / how many", examples=[5])
    token: Secret = Field(description="令牌 / token")


class Sound:
    def __init__(self, settings, context) -> None:
        self.context = context

    async def prepare(self, message): ...
    async def send(self, message, prepared): ...
    async def query(self, message, prepared): ...
    async def reverse(self, message, prepared): ...


@pytest.fixture
def sound(tmp_path: Path, monkeypatch) -> Adapter:
    folder = tmp_path / "sound"
    case = folder / "samples" / "case"
    case.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(MANIFEST, encoding="utf-8")
    (folder / "README.md").write_text("说明\n", encoding="utf-8")
    (case / "canonical.json").write_text(json.dumps(SAMPLE), encoding="utf-8")
    (case / "wire.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(kit, "available", lambda: {"sound": object()})
    monkeypatch.setattr(kit, "folder_of", lambda point: folder)
    return Adapter(
        folder=folder,
        manifest=kit.read_manifest(folder),
        settings=SoundSettings,
        sender=Sound,
        resolver=Sound,
    )


EXAMPLE = {"count": 1, "token": "secret"}


def problems(adapter: Adapter, example=EXAMPLE) -> str:
    return "\n".join(kit.problems(adapter, example))


def changed(adapter: Adapter, **fields) -> Adapter:
    """The adapter with another manifest, on disk too."""
    operation = adapter.manifest.operations[0].model_copy(update=fields.pop("operation", {}))
    manifest = adapter.manifest.model_copy(update={"operations": (operation,), **fields})
    (adapter.folder / "manifest.yaml").write_text(
        json.dumps(manifest.model_dump(mode="json")), encoding="utf-8"
    )
    return dataclasses.replace(adapter, manifest=manifest)


def test_a_sound_adapter_has_no_problems(sound) -> None:
    assert problems(sound) == ""
    assert problems(sound, SoundSettings(token="x")) == ""


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"request": "identity.person.guessed.v1"}, "no canonical message type"),
        ({"reply": None}, "needs a reply type"),
        ({"title": Title(zh="Query", en="查询")}, "zh is not Chinese"),
        ({"title": Title(zh="查询", en="")}, "en is not English"),
        ({"on_unknown": None}, "must declare on_unknown"),
        ({"moves_money": True, "on_unknown": "resend"}, "must not be sent again blindly"),
        ({"direction": "in"}, "belongs to direction out only"),
        ({"direction": "in", "on_unknown": None}, "need a receiver"),
    ],
)
def test_operations(sound, operation, expected) -> None:
    assert expected in problems(changed(sound, operation=operation))


def test_two_ways_out_for_one_type(sound) -> None:
    twice = sound.manifest.operations * 2
    found = problems(
        dataclasses.replace(sound, manifest=sound.manifest.model_copy(update={"operations": twice}))
    )
    assert "operation name 'Query' occurs more than once" in found
    assert "outbound request type" in found


def test_names_and_files(sound, monkeypatch) -> None:
    monkeypatch.setattr(kit, "available", dict)
    (sound.folder / "README.md").unlink()
    (sound.folder / "samples" / "case" / "wire.json").unlink()
    found = problems(changed(sound, name="other"))
    assert "folder 'sound' and manifest name 'other' differ" in found
    assert "no entry point 'other'" in found
    assert "README.md is missing" in found
    assert "no wire bytes" in found


def test_a_manifest_that_is_not_the_one_on_disk(sound) -> None:
    other = sound.manifest.model_copy(update={"title": Title(zh="别的", en="Other")})
    assert "not what manifest.yaml says" in problems(dataclasses.replace(sound, manifest=other))


@pytest.mark.parametrize(
    "content", ['{"type": "x", "data": {}}', '{"type": "settlement.reversal.done.v1", "data": {}}', "["]
)
def test_a_sample_that_is_no_message(sound, content) -> None:
    (sound.folder / "samples" / "case" / "canonical.json").write_text(content, encoding="utf-8")
    assert "samples/case: canonical.json" in problems(sound)


class Careless(Settings):
    """Everything a settings block can do wrong."""

    undescribed: int = 1
    only_english: int = Field(default=1, description="how many")
    token: str = Field(description="令牌 / token")
    bad_default: int = Field(default=0, ge=1, description="数量 / how many")
    bad_example: int = Field(default=1, ge=1, description="数量 / how many", examples=[0])
    leaked: Secret = Field(default="123456", description="口令 / word")


def test_settings(sound) -> None:
    found = problems(dataclasses.replace(sound, settings=Careless), {"token": "x"})
    for expected in (
        "undescribed: needs a description",
        "only_english: needs a description",
        "token: holds a secret",
        "bad_default: default is refused",
        "bad_example: example 0 is refused",
        "leaked: a secret must not have a default",
    ):
        assert expected in found


def test_example_settings_are_tried_without_showing_them(sound) -> None:
    found = problems(sound, {"count": 0, "token": "secret-value"})
    assert "example settings are refused: count" in found
    assert "secret-value" not in found


class Half:
    def __init__(self, settings, context) -> None: ...
    def prepare(self, message): ...
    async def send(self, message): ...


def test_abilities(sound) -> None:
    found = problems(dataclasses.replace(sound, sender=Half, resolver=lambda settings, context: None))
    assert "sender: prepare must be `async def`" in found
    assert "sender: send must take 2 arguments" in found
    assert "need a resolver" in found


def test_a_factory_must_not_begin_to_work(sound) -> None:
    def eager(settings, context):
        context.reactor.callLater(1, print)

    assert "context.reactor.callLater was used in a factory" in problems(
        dataclasses.replace(sound, sender=eager)
    )


def test_an_inbound_operation(sound) -> None:
    operation = Operation(
        name="Ask",
        title=Title(zh="询问", en="Ask"),
        direction="in",
        style="one-way",
        request="identity.person.queried.v1",
    )
    manifest = Manifest(
        name="sound",
        title=Title(zh="样例", en="Sound"),
        contract=1,
        transports=("http",),
        operations=(operation,),
    )
    (sound.folder / "manifest.yaml").write_text(
        json.dumps(manifest.model_dump(mode="json")), encoding="utf-8"
    )

    class Ear:
        def __init__(self, settings, context) -> None: ...
        async def start(self) -> None: ...
        async def stop(self) -> None: ...

    assert problems(dataclasses.replace(sound, manifest=manifest, receiver=Ear)) == ""


def test_operations_that_the_settings_declare(sound) -> None:
    declared = sound.manifest.operations
    manifest = sound.manifest.model_copy(update={"operations": (), "configured": True})
    (sound.folder / "manifest.yaml").write_text(
        json.dumps(manifest.model_dump(mode="json")), encoding="utf-8"
    )
    open_adapter = dataclasses.replace(sound, manifest=manifest)
    assert "does not tell operations from settings" in problems(open_adapter)
    assert problems(dataclasses.replace(open_adapter, operations=lambda settings: declared)) == ""
    assert "offer no operation" in problems(dataclasses.replace(open_adapter, operations=lambda settings: ()))
    blind = declared[0].model_copy(update={"on_unknown": None})
    assert "must declare on_unknown" in problems(
        dataclasses.replace(open_adapter, operations=lambda settings: [blind])
    )


def test_settings_offer_only_what_the_manifest_lists(sound) -> None:
    other = sound.manifest.operations[0].model_copy(update={"name": "Other"})
    found = problems(dataclasses.replace(sound, operations=lambda settings: [other]))
    assert "operations that the manifest does not list" in found


def test_what_an_adapter_says_of_its_settings_is_shown(sound) -> None:
    wrong = ConfigError("映射有误", "no such mapping", path="mapping")
    assert "no such mapping" in problems(dataclasses.replace(sound, problems=lambda settings: [wrong]))
