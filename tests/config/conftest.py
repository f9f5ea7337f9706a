"""A folder with a configuration that is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config import support


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    support.install(monkeypatch)
    return support.write(tmp_path)
