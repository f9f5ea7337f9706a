"""Scaffolds an adapter that passes its tests at once: `python scripts/new_adapter.py weather`.

Writes `adapters/NAME/` and `tests/adapters/NAME/` from `scripts/adapter_template/`, and enters the adapter in
`pyproject.toml`: its entry point, and its place among the adapters that must not import each other.
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template

_TEMPLATES = Path(__file__).parent / "adapter_template"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ENTRY_POINTS = '[project.entry-points."gateway.adapters"]'
_INDEPENDENT = re.compile(
    r'(name = "adapters are independent of each other"\ntype = "independence"\nmodules = )\[([^\]]*)\]'
)


class Refused(Exception):
    """The name cannot be used; nothing was written."""


def scaffold(root: Path, name: str) -> list[Path]:
    """Writes the new adapter into the source tree at `root` and returns the files it wrote.

    Raises:
        Refused: the name is malformed or taken, or `pyproject.toml` is not as expected.
    """
    if _NAME.fullmatch(name) is None or keyword.iskeyword(name):
        raise Refused(
            f"名称 {name!r} 应为小写字母、数字和下划线 / use lower case letters, digits and underscores"
        )
    folders = {"adapter": root / "adapters" / name, "tests": root / "tests" / "adapters" / name}
    for folder in folders.values():
        if folder.exists():
            raise Refused(f"{folder} 已存在 / exists already")
    project = root / "pyproject.toml"
    entered = enter(project.read_text(encoding="utf-8"), name)
    written = [f for part, folder in folders.items() for f in _write(_TEMPLATES / part, folder, name)]
    project.write_text(entered, encoding="utf-8")
    return [*written, project]


def enter(project: str, name: str) -> str:
    """The text of `pyproject.toml` with the adapter entered.

    Raises:
        Refused: one of the two places is not there.
    """
    head, found, tail = project.partition(_ENTRY_POINTS + "\n")
    independent = _INDEPENDENT.search(tail)
    if not found or independent is None:
        raise Refused("pyproject.toml 中缺少适配器登记处 / pyproject.toml has no place for adapters")
    modules = sorted({*re.findall(r'"([^"]+)"', independent[2]), f"adapters.{name}"})
    listed = ", ".join(f'"{module}"' for module in modules)
    tail = tail[: independent.start()] + f"{independent[1]}[{listed}]" + tail[independent.end() :]
    points, end, rest = tail.partition("\n\n")
    lines = sorted({*points.splitlines(), f'{name} = "adapters.{name}:adapter"'})
    return head + found + "\n".join(lines) + end + rest


def _write(templates: Path, folder: Path, name: str) -> list[Path]:
    words = {
        "name": name,
        "title": "".join(part.capitalize() for part in name.split("_")),
        "upper": name.upper(),
        "contract": _contract(),
    }
    written = []
    for template in sorted(templates.rglob("*.tmpl")):
        target = folder / template.relative_to(templates).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = template.read_text(encoding="utf-8")
        target.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(target)
    return written


def _contract() -> str:
    from gateway.contract import CONTRACT_VERSION  # noqa: PLC0415  a refused name must not need the gateway

    return str(CONTRACT_VERSION)


def tidy(files: list[Path]) -> None:
    """Lets ruff wrap and sort what the name's length has moved."""
    python = [str(file) for file in files if file.suffix == ".py"]
    for command in (["check", "--quiet", "--fix"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *python], check=True)


def main(arguments: list[str]) -> int:
    """Scaffolds into the tree this script stands in."""
    if len(arguments) != 1:
        print("用法 / usage: python scripts/new_adapter.py NAME", file=sys.stderr)
        return 2
    root = Path(__file__).parent.parent
    try:
        files = scaffold(root, arguments[0])
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    tidy(files)
    for file in files:
        print(file.relative_to(root))
    print(
        "\n`make adapter` 接着安装并测试 / installs and tests it next. By hand: pip install --no-deps --no-build-isolation -e . && pytest",
        f"tests/adapters/{arguments[0]}",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
