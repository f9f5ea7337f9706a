"""A third-party adapter, built as a wheel and installed beside the gateway, is found, checked and run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "acme_weather"
NAME = "clouds"

PYPROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-weather"
version = "1.0"
[project.entry-points."gateway.adapters"]
{NAME} = "{PACKAGE}.{NAME}:adapter"
[tool.hatch.build.targets.wheel]
packages = ["{PACKAGE}"]
"""

MANIFEST = """
name: clouds
title: {zh: 第三方示例, en: A third party's}
contract: %d
transports: [http]
operations:
  - name: QueryPerson
    title: {zh: 人员信息查询, en: Person query}
    direction: out
    request: identity.person.queried.v1
    reply: identity.person.answered.v1
    on_unknown: resend
"""

CODE = '''
import os
from pathlib import Path

from pydantic import Field

from gateway.canonical import Message
from gateway.contract import Adapter, Outcome, Prepared, Rejected, Settings
from gateway.contract.plugins import read_manifest

print("IMPORTED")


class CloudSettings(Settings):
    """Settings of the example."""

    colour: str = Field(default="grey", description="云的颜色 / colour of the clouds")


class CloudSender:
    def __init__(self, settings: CloudSettings, context: object) -> None:
        self.colour = settings.colour

    async def prepare(self, message: Message) -> Prepared:
        return Prepared(operation="QueryPerson", reference="1", content=b"")

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        return Rejected(code=self.colour, reason="only clouds here")


FOLDER = Path(__file__).parent
adapter = Adapter(
    folder=FOLDER, manifest=read_manifest(FOLDER), settings=CloudSettings, sender=CloudSender
)
'''

SAMPLE = """{"type": "identity.person.queried.v1", "data": {"institution_code": "H1", "institution_name": "n",
"treatment_region": "990101", "operator_code": "1", "operator_name": "n", "certificate_kind": "02",
"certificate_no": "x"}}"""

LOAD_AND_RUN = """
from gateway.contract import ConfigError
from gateway.contract.conformance import problems
from gateway.contract.plugins import available, load

assert "clouds" in available()
try:
    adapter = load("clouds")
except ConfigError as error:
    print("REFUSED", error.en)
else:
    print("PROBLEMS", problems(adapter, {"colour": "white"}))
    sender = adapter.sender(adapter.settings(colour="white"), None)
    try:
        sender.send(None, None).send(None)
    except StopIteration as outcome:
        print("OUTCOME", outcome.value)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Builds and installs the package for a contract version; returns the folder it was installed into."""

    def install(contract: int) -> Path:
        root = tmp_path_factory.mktemp(f"contract{contract}")
        folder = root / PACKAGE / NAME
        (folder / "samples" / "one").mkdir(parents=True)
        files = {
            root / "pyproject.toml": PYPROJECT,
            root / PACKAGE / "__init__.py": "",
            folder / "__init__.py": CODE,
            folder / "manifest.yaml": MANIFEST % contract,
            folder / "README.md": "示例适配器 / an example adapter\n",
            folder / "samples" / "one" / "canonical.json": SAMPLE,
            folder / "samples" / "one" / "wire.txt": "x",
        }
        for file, text in files.items():
            file.write_text(text, encoding="utf-8")
        run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(root / "dist"), str(root))
        (wheel,) = (root / "dist").glob("*.whl")
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
        run("-m", "pip", "install", *options, "--target", str(root / "site"), str(wheel))
        return root / "site"

    return install


def run(*command: str, site: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site or "")}
    done = subprocess.run(
        [sys.executable, *command], check=False, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_conforms_and_runs(installed) -> None:
    output = run("-c", LOAD_AND_RUN, site=installed(1))
    assert "PROBLEMS []" in output
    assert "OUTCOME Rejected(code='white'" in output


def test_another_contract_version_is_refused_before_import(installed) -> None:
    output = run("-c", LOAD_AND_RUN, site=installed(2))
    assert "REFUSED adapter clouds was written for contract 2, this gateway has 1" in output
    assert "IMPORTED" not in output
