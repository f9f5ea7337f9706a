"""Certificates, made once: RSA keys take their time."""

from __future__ import annotations

import pytest

from tests.adapters.treasury.wire.support import Party, party


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Party:
    return party(tmp_path_factory.mktemp("node"), "node")


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Party:
    return party(tmp_path_factory.mktemp("centre"), "centre")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Party:
    return party(tmp_path_factory.mktemp("stranger"), "stranger")
