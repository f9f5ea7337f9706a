"""What hospitals can ask for. Each face offers some of it; the manifest lists all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.contract.plugins import read_manifest

FOLDER: Final = Path(__file__).parent
MANIFEST: Final = read_manifest(FOLDER)
BY_NAME: Final = {operation.name: operation for operation in MANIFEST.operations}
NAMES: Final = tuple(BY_NAME)
