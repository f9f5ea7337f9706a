"""A virus scanner of the house, run as a program of its own, without a shell. Blocking: call in a thread."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from gateway.contract import Duration, Settings

Code = Annotated[int, Field(ge=0, le=255)]


class NotScanned(OSError):
    """The scanner gave no verdict: the file waits, others go on. `strerror` says why, without a path."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


class VirusScan(Settings):
    """收到的文件先经查毒。 / Every file is scanned before it is read."""

    command: tuple[str, ...] = Field(
        min_length=1,
        description="程序及参数，{path} 为文件；不经 shell / program and arguments; {path} is the file; no shell",
        examples=[["clamdscan", "--fdpass", "--no-summary", "{path}"]],
    )
    clean: tuple[Code, ...] = Field(
        default=(0,), min_length=1, description="无毒的退出码 / exit codes for clean"
    )
    infected: tuple[Code, ...] = Field(
        default=(1,), min_length=1, description="有毒的退出码 / exit codes for infected"
    )
    timeout: Duration = Field(
        default=120.0, gt=0, description="时限，超过则稍后再查 / after that it is scanned again later"
    )

    @model_validator(mode="after")
    def _sound(self) -> VirusScan:
        if not any("{path}" in argument for argument in self.command[1:]):
            raise ValueError("参数中须有 {path} / {path} must be among the arguments")
        if set(self.clean) & set(self.infected):
            raise ValueError("同一退出码不能既无毒又有毒 / one exit code cannot mean both")
        return self


def is_clean(scan: VirusScan, file: Path) -> bool:
    """The scanner's verdict. What it prints is thrown away: it may quote the file.

    Raises:
        NotScanned: it could not be run, took too long, or ended with any other code.
    """
    command = [argument.replace("{path}", str(file)) for argument in scan.command]
    try:
        done = subprocess.run(  # noqa: S603  what the operator has set, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=scan.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotScanned(f"virus scan took longer than {scan.timeout:g} s") from None
    except OSError as error:
        raise NotScanned(f"virus scan cannot be run: {error.strerror}") from None
    if done.returncode in scan.clean:
        return True
    if done.returncode in scan.infected:
        return False
    raise NotScanned(f"virus scan ended with code {done.returncode}")
