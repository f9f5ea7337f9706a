"""What `mapping test` does with one file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mappings import DefinitionError, Mapping, load
from mappings.samples import LawBroken, check_samples

#: hypothesis is a development dependency: in production there is none, and samples must do.
_GENERATES = find_spec("hypothesis") is not None
_SCOPE = "样例与往返律 samples and laws" if _GENERATES else "样例及其往返 samples only (no hypothesis)"


def tested(file: Path, tables: tuple[Path, ...] | None) -> dict[str, Any]:
    """The result for one mapping file: `ok`, how many samples, what is wrong, and what was tried.

    Args:
        tables: the folders of code tables, as `load` takes them.
    """
    result: dict[str, Any] = {"mapping": str(file), "samples": 0, "ok": False, "said": "", "scope": _SCOPE}
    try:
        mapping = load(file, tables)
        result["mapping"] = f"{mapping.name}@{mapping.version}"
        result["samples"] = check_samples(mapping)
        _laws(mapping)
        result["ok"] = True
    except (LawBroken, DefinitionError) as error:
        result["said"] = str(error)
    return result


def _laws(mapping: Mapping) -> None:
    if _GENERATES:
        from mappings.testing import check_laws  # noqa: PLC0415  needs hypothesis

        check_laws(mapping)
