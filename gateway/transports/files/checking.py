"""What is checked of a file before anybody reads it. Each check has its setting, and its words for the report.

name ─► size ─► companions (.md5, .sm3) ─► signature (.sig) ─► same name, other content ─► virus scan
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from gateway.contract import ConfigError, Settings, Size
from gateway.crypto import BadSignature, SignatureAgreed, TooLarge, make_verifier
from gateway.transports.files.companions import DIGESTS, SIGNATURE, Awaited, beside, told
from gateway.transports.files.content import Digests, digests
from gateway.transports.files.memory import Memory
from gateway.transports.files.names import LONGEST, is_fit
from gateway.transports.files.scanning import VirusScan, is_clean
from gateway.transports.files.taking import Finding, TurnedAway


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"正则表达式有误：{error} / not a regular expression: {error}") from None
    return text


_LONGEST: Final = 16 << 10
_WORDS: Final = {
    "name": ("文件名不符合约定", "the file name is not what was agreed"),
    "unreadable-name": (
        f"文件名须为 UTF-8，不含控制字符，不超过 {LONGEST} 字节",
        f"file names are UTF-8 without control characters, {LONGEST} bytes at most",
    ),
    "digest": ("文件内容与 {0} 摘要不符", "the file does not match its {0} digest"),
    "same-name": (
        "此文件名已用于另一份内容不同的文件，请换名",
        "this name was used before for another content: give it a new name",
    ),
    "virus": ("查出病毒", "a virus was found"),
}


class Checks(Settings):
    """读取之前的核对。 / What is checked before a file is read."""

    body_limit: Size = Field(
        default=4 << 20, gt=0, description="文件大小上限 / largest file", examples=["4MiB"]
    )
    file_names: Annotated[str, AfterValidator(_pattern)] = Field(
        default="",
        description="文件名须符合的正则表达式，空为不限 / regular expression that file names must match; any without it",
        examples=[r"\d{8}_[A-Z0-9]{4,12}\.txt"],
    )
    companions: tuple[Awaited, ...] = Field(
        default=(),
        description="另须有的伴随文件，.md5、.sm3 核对摘要 / further companions that must be there; digests are compared",
        examples=[[".sm3"]],
    )
    signature: SignatureAgreed | None = Field(
        default=None,
        description="对方对文件的签名，在 文件名.sig；填 partner_keys / the partner's signature of each file, in NAME.sig; name its partner_keys",
    )
    same_name: Literal["accept", "refuse"] = Field(
        default="accept",
        description="同名而内容不同的文件：受理或拒绝 / a name used before for another content",
        examples=["refuse"],
    )
    virus_scan: VirusScan | None = Field(default=None, description="查毒程序 / virus scanner")

    def awaited(self, complete: str) -> tuple[str, ...]:
        """The companions a file must have, where `complete` says what makes it complete."""
        by_itself = complete in ("rename", "close", "stable")
        signed = () if self.signature is None else (SIGNATURE,)
        return tuple(dict.fromkeys((*(() if by_itself else (complete,)), *self.companions, *signed)))

    def unusable(self) -> Iterator[ConfigError]:
        """Keys that cannot be read or do not fit, each with its path inside these settings."""
        try:
            if self.signature is not None:
                make_verifier(self.signature)
        except ConfigError as error:
            yield ConfigError(error.zh, error.en, path=f"signature.{error.path}".rstrip("."))


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that passed."""

    digests: Digests
    checks: tuple[str, ...]  #: what was verified, as in `Arrived.checked`


def check_size(checks: Checks, size: int) -> None:
    """Before it is fetched or read.

    Raises:
        TurnedAway: beyond the limit.
    """
    if size > checks.body_limit:
        zh, en = f"文件超过 {checks.body_limit} 字节", f"the file is larger than {checks.body_limit} bytes"
        raise TurnedAway(code="too-large", findings=(Finding(rule=f"max {checks.body_limit}", zh=zh, en=en),))


def check(checks: Checks, file: Path, name: str, companions: tuple[str, ...], memory: Memory) -> Checked:
    """Blocking: call in a thread. The companions stand beside it.

    Raises:
        TurnedAway: not on record yet.
        OSError: it cannot be read or scanned now.
    """
    if not is_fit(name):
        raise _away("name", "unreadable-name")
    if checks.file_names and not re.fullmatch(checks.file_names, name):
        raise _away("name", "name")
    check_size(checks, file.stat().st_size)
    known = digests(file)
    try:
        return Checked(known, _verified(checks, file, name, companions, memory, known))
    except TurnedAway as away:
        away.size, away.sha256 = known.size, known.sha256
        raise


def _verified(
    checks: Checks, file: Path, name: str, companions: tuple[str, ...], memory: Memory, known: Digests
) -> tuple[str, ...]:
    done: list[str] = []
    for companion in companions:
        if companion.endswith(DIGESTS):
            if told(_small(beside(file, companion))) != known.of(companion[-3:]):
                raise _away("companion", "digest", companion)
            done.append(companion[-3:])
    if checks.signature is not None:
        _check_signature(checks.signature, file)
        done.append("signature")
    if checks.same_name == "refuse" and memory.taken(name) not in (None, known.sha256):
        raise _away("duplicate", "same-name")
    if checks.virus_scan is not None:
        if not is_clean(checks.virus_scan, file):
            raise _away("virus", "virus")
        done.append("virus-scan")
    return tuple(done)


def _check_signature(agreed: SignatureAgreed, file: Path) -> None:
    try:
        with file.open("rb") as content:
            make_verifier(agreed).verify_file(content, _small(beside(file, SIGNATURE)))
    except (BadSignature, TooLarge) as error:
        finding = Finding(rule="signature", zh=error.zh, en=error.en)
        raise TurnedAway(code="signature", findings=(finding,)) from None
    except ConfigError as error:  # a key file that was changed since the start
        raise OSError(0, str(error)) from None


def _small(companion: Path) -> bytes:
    """What stands in it, up to more than any companion needs."""
    with companion.open("rb") as file:
        return file.read(_LONGEST)


def _away(code: str, rule: str, *words: str) -> TurnedAway:
    zh, en = (text.format(*words) for text in _WORDS[rule])
    return TurnedAway(code=code, findings=(Finding(rule=rule, zh=zh, en=en),))
