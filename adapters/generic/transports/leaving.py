"""What we put into a partner's folder, wherever that is: how the files are called, and what says that they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from adapters.generic.formats import Format, Formats, fill, slots
from adapters.generic.transports.http import unknown_calls
from gateway.contract import ConfigError, Settings

FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._{}:-]+$"), Field(examples=["{reference}.xml"])
]


class Leaving(Settings):
    """一项操作的文件。 / The files of one operation."""

    name: FileName = Field(
        default="{reference}.xml", description="文件名，可用 {reference} {operation} / file name"
    )


class Deposited(Settings):
    """送文件的通道共有的设置。 / What all ways have in common by which files leave."""

    companion: Literal["none", ".ok", ".md5", ".sm3"] = Field(
        default=".ok", description="随后写出的同名文件 / the companion written after it", examples=[".ok"]
    )
    calls: dict[str, Leaving] = Field(default={}, description="各操作的文件名 / file names by operation")

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """A folder answers nothing: one-way operations, and no question in words."""
        forms = formats.going("outbound")
        yield from unknown_calls(self.calls, [form.name for form in forms])
        for form in forms:
            if not form.one_way or form.settings.query is not None:
                zh = f"目录没有应答，不能用于请求应答、查询报文或冲正：{form.name}"
                en = f"a folder does not answer: no replies, queries or reversals: {form.name}"
                yield ConfigError(zh, en, path="kind")
            call = self.calls.get(form.name) or Leaving()
            yield from slots(call.name, f"calls.{form.name}.name", frozenset({"reference", "operation"}))

    def name_of(self, form: Format, reference: str) -> str | None:
        """The file's name; None where the reference makes none."""
        call = self.calls.get(form.name) or Leaving()
        name = fill(call.name, {"reference": reference, "operation": form.name})
        return None if "/" in name or name.startswith(".") else name
