"""`config/examples/bank-online`, laid over `banking` as its README says, with the keys that the simulated bank makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.bank.simulator.online import read_keys
from gateway.engine.config import lint

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "config" / "examples"


def start(folder: Path, keys: Path) -> None:
    """The simulated bank, until it listens."""
    told = folder / "told.json"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-m", "adapters.bank.simulator.online", "--listen", "127.0.0.1:0"]
    bank = subprocess.Popen([*command, "--keys", str(keys), "--announce", str(told)], cwd=ROOT)
    try:
        for _ in range(800):
            if told.exists() or bank.poll() is not None:
                break
            time.sleep(0.05)
        assert told.exists()
    finally:
        bank.terminate()
        bank.wait(10)


@pytest.mark.parametrize("started", [1, 2])
def test_the_example(tmp_path: Path, started: int) -> None:
    folder, keys = tmp_path / "config" / "examples" / "banking", tmp_path / "var" / "bank-online"
    shutil.copytree(EXAMPLES / "banking", folder)
    online = EXAMPLES / "bank-online"
    shutil.copytree(online / "partners", folder / "partners", dirs_exist_ok=True)
    account = (online / "payments.yaml").read_text().partition("accounts:\n")[2]
    payments, routes = folder / "payments.yaml", folder / "routes.yaml"
    payments.write_text(f"{payments.read_text()}\n{account}")
    routes.write_text(f"{(online / 'routes.yaml').read_text()}\n{routes.read_text()}")
    start(tmp_path, keys)
    before = read_keys(keys).bank.public.point
    for _ in range(started - 1):
        start(tmp_path, keys)  # the same bank, with the same keys
    assert read_keys(keys).bank.public.point == before
    assert lint(folder) == []
