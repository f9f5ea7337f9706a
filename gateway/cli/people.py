"""`person`: keys of the people who approve and release."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import Exit, JsonOption, fail, print_json, say
from gateway.cli.paying import PassphraseOption, passphrase

app = typer.Typer(
    help="人员：生成个人签名密钥。 / People: keys by which they approve and release.", no_args_is_help=True
)
_SHORTEST = 8


@app.callback()
def _people() -> None:
    """Keeps `person new` a command of its own, though there is only this one."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="人员代号，小写字母、数字、连字符 / short name")],
    out: Annotated[
        Path | None, typer.Option("--out", help="密钥文件，默认 NAME.key / key file; default: NAME.key")
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """生成个人密钥，由本人保管，口令不得告诉他人。 / Make a person's key, for that person alone.

    显示的公钥交给管理员写入 people.yaml。 / The public key that it prints goes into people.yaml.
    """
    from gateway.books.people import create_key  # noqa: PLC0415

    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name) is None:
        raise typer.BadParameter("a-z 0-9 -", param_hint="NAME")
    secret = passphrase(passphrase_file, twice=True)
    if len(secret) < _SHORTEST:
        raise fail(
            Exit.USAGE, f"口令至少 {_SHORTEST} 个字符", f"a passphrase has at least {_SHORTEST} characters"
        )
    file = out or Path(f"{name}.key")
    public = create_key(file, secret)
    if as_json:
        print_json({"name": name, "key": public, "file": str(file)})
        return
    say(f"密钥已写入 {file}", f"the key is in {file}")
    say("请管理员在 people.yaml 中加入：", "to be added to people.yaml:")
    say(f"  - {{name: {name}, title: …, key: '{public}', may: [payment.approve]}}")
