"""A scaffolded adapter passes its own tests, mypy and ruff without a line being touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts import new_adapter

ROOT = Path(__file__).parents[2]
PARTS = ("gateway", "adapters", "mappings", "scheduler", "tests", "scripts")
FILES = ("pyproject.toml", "README.md", "LICENSE")


def copy_of_tree(folder: Path) -> Path:
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "var"))
    for file in FILES:
        shutil.copy(ROOT / file, folder / file)
    return folder


def run(root: Path, *command: str) -> None:
    # The copy's own metadata come first, as they do after a re-install.
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / '.site'}", "MYPYPATH": str(root)}
    done = subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scaffolded_adapter_is_complete(tmp_path: Path) -> None:
    root = copy_of_tree(tmp_path)
    run(root, "scripts/new_adapter.py", "weather_station")
    install = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(root / ".site"), "-e", "."]
    run(root, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install)
    run(root, "-m", "pytest", "-p", "no:cacheprovider", "tests/adapters/weather_station")
    ours = ["adapters/weather_station", "tests/adapters/weather_station"]
    run(root, "-m", "ruff", "check", "--no-cache", *ours)
    run(root, "-m", "ruff", "format", "--no-cache", "--check", *ours)
    run(root, "-m", "mypy", "-p", "adapters.weather_station")


def test_the_project_file_knows_it() -> None:
    project = tomllib.loads(new_adapter.enter((ROOT / "pyproject.toml").read_text(), "weather"))
    points = project["project"]["entry-points"]["gateway.adapters"]
    assert points["weather"] == "adapters.weather:adapter"
    assert list(points) == sorted(points)
    modules = [
        c["modules"] for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "independence"
    ]
    assert "adapters.weather" in modules[0]
    before = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(before["project"]["entry-points"]["gateway.adapters"]) < set(points)


@pytest.mark.parametrize("name", ["", "Weather", "we-ather", "1st", "class", "../up", "hospital"])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(new_adapter.Refused):
        new_adapter.scaffold(ROOT, name)


def test_a_project_file_without_the_places() -> None:
    with pytest.raises(new_adapter.Refused):
        new_adapter.enter("[project]\n", "weather")
