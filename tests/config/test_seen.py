"""What was configured is on record, and what has changed since the last start."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gateway.engine.config import Configuration, load
from gateway.engine.config_seen import Seen
from tests.config import support


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    support.install(monkeypatch)
    for name, value in support.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = load(support.write(tmp_path / "config"))
    made.data_dir.mkdir(parents=True, exist_ok=True)
    return made


def test_only_a_change_is_news(configuration: Configuration) -> None:
    first = Seen(configuration)
    news = first.news()
    assert news is not None
    assert news["files"] == news["changed"] == len(first.files) > 2
    assert "gateway.yaml" in str(news["names"])
    first.remember()
    assert Seen(configuration).news() is None

    partner = next(iter(configuration.folder.glob("partners/*.yaml")))
    partner.write_text(partner.read_text("utf-8") + "# another\n", "utf-8")
    (configuration.folder / "routes.yaml").rename(configuration.folder / "elsewhere.yaml")
    again = Seen(configuration)
    assert again.news() == {
        "digest": again.digest,
        "files": len(first.files),
        "changed": 3,
        "names": f"elsewhere.yaml, partners/{partner.name}, routes.yaml",
    }
    assert again.digest != first.digest


def test_the_digest_can_be_made_by_hand(configuration: Configuration) -> None:
    folder, seen = configuration.folder, Seen(configuration)
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in sorted(seen.files)
    ]
    assert seen.digest == hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def test_secrets_and_other_gateways_are_not_looked_at(configuration: Configuration) -> None:
    before = Seen(configuration).files
    for place in ("secrets", "examples/other", ".git"):
        folder = configuration.folder / place
        folder.mkdir(parents=True)
        for name in ("gateway.yaml", "token.yaml"):
            (folder / name).write_text("x: 1\n", "utf-8")
    (configuration.folder / "notes.txt").write_text("x", "utf-8")
    assert Seen(configuration).files == before


def test_many_changes_are_counted(configuration: Configuration) -> None:
    (configuration.folder / "mappings").mkdir()
    for number in range(100):
        (configuration.folder / "mappings" / f"m{number:03}.yaml").write_text("x: 1\n", "utf-8")
    news = Seen(configuration).news()
    assert news is not None
    assert int(news["changed"]) > 100
    assert str(news["names"]).endswith(" …")
    assert len(str(news["names"])) < 1000


@pytest.mark.parametrize("content", [b"", b"[]", b"{"])
def test_a_damaged_memory_makes_everything_news(configuration: Configuration, content: bytes) -> None:
    (configuration.data_dir / "config.seen.json").write_bytes(content)
    assert Seen(configuration).news() is not None
