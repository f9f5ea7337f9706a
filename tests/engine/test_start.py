"""A gateway that cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from demo.stage import Stage


def test_a_port_that_is_taken_ends_the_start_with_its_own_exit_code(tmp_path: Path) -> None:
    """Not with 70, which says that the store process died and nobody knows what was committed."""
    stage = Stage(tmp_path / "stage")
    stage.prepare()
    with socket.create_server(("127.0.0.1", stage.ports["hospital"])):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "run", "--config", str(stage.config)],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            timeout=60,
            check=False,
        )
    log = (stage.folder / "gateway.log").read_text("utf-8")
    assert done.returncode == 3, log
    assert f"cannot listen on 127.0.0.1:{stage.ports['hospital']}" in log
    assert "store.lost" not in log
