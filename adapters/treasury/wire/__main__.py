"""Tries messages that the centre gave as samples: how they are sealed, and what each would be taken for.

    python -m adapters.treasury.wire sample/2001.xml --certificate keys/centre.cer
    python -m adapters.treasury.wire sample/*.xml --public-key keys/centre-sm2.pub
    python -m adapters.treasury.wire sample/*.xml --shared-key secrets/shared.key

Nothing is sent or stored, and no value of a message is shown. What opens a seal is printed as settings.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from adapters.treasury.wire.envelope import cut
from adapters.treasury.wire.errors import BadSeal, Unreadable
from adapters.treasury.wire.formats import Formats
from adapters.treasury.wire.head import read_head
from adapters.treasury.wire.pkcs7 import pkcs7_verification
from adapters.treasury.wire.seal import Verify, keyed_sealing, sm2_verification
from adapters.treasury.wire.settings import KeyedSm3Seal, Pkcs7Seal, Sm2Seal
from gateway.contract import ConfigError, Secret
from gateway.crypto import keyfiles
from gateway.crypto.forms import Form


def main(given: list[str] | None = None) -> int:
    """Entry point. 0 where every message was opened and read, 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m adapters.treasury.wire", description="试读中心给的样例报文 / tries sample messages"
    )
    parser.add_argument("files", nargs="+", type=Path, help="样例报文，连同签名 / messages with their seals")
    parser.add_argument("--certificate", type=Path, help="中心的 RSA 签名证书 / the centre's RSA certificate")
    parser.add_argument(
        "--public-key", type=Path, help="中心的 SM2 公钥或证书 / its SM2 public key or certificate"
    )
    parser.add_argument("--shared-key", type=Path, help="存放共享密钥的文件 / file with the shared key")
    parser.add_argument("--id", default="", help="SM2 用户标识 / SM2 id, where it is not the usual one")
    arguments = parser.parse_args(given)
    try:
        ways = list(_ways(arguments))
        formats = Formats()
        fine = [_tried(file, ways, formats) for file in arguments.files]
    except ConfigError as error:
        _say(error.both)
        return 1
    return 0 if all(fine) else 1


def _ways(given: argparse.Namespace) -> Iterator[tuple[str, Verify]]:
    """Every seal that the given keys may open, as settings and as a verification; the likely ones first."""
    if given.certificate is not None:
        for sha1 in ({}, {"accept_sha1": True}):
            pkcs7 = {
                "certificate": given.certificate,
                "key_file": given.certificate,
            }  # ours; nothing is signed
            known = {"kind": "pkcs7", "partner_certificates": [given.certificate], **sha1}
            yield _words(known), pkcs7_verification(Pkcs7Seal.model_validate({**pkcs7, **known}))
    if given.shared_key is not None:
        text = keyfiles.read_public(given.shared_key).decode("ascii", "replace").strip("\r\n")
        _, verify = keyed_sealing(KeyedSm3Seal(kind="keyed-sm3", key=Secret(text)))
        yield _words({"kind": "keyed-sm3", "key": f"${{file:{given.shared_key}}}"}), verify
    if given.public_key is not None:
        for form in get_args(Form):
            for distid in ({"id": given.id},) if given.id else ({}, {"empty_id": True}):
                known = {"kind": "sm2", "partner_keys": [given.public_key], "form": form, **distid}
                yield _words(known), sm2_verification(Sm2Seal.model_validate(known))


def _words(settings: Mapping[str, object]) -> str:
    """A block of settings, as it would stand in YAML on one line."""
    return json.dumps(settings, default=str, ensure_ascii=False)


def _tried(file: Path, ways: list[tuple[str, Verify]], formats: Formats) -> bool:
    _say(f"\n{file}")
    try:
        parts = cut(file.read_bytes())
        sealed = _opened(parts.document, parts.comment or b"", ways)
        return _read(parts.document, formats) and sealed
    except Unreadable as error:
        _say(f"  {error.field or '-'} {error.rule}: {error.zh} / {error.en}")
    except OSError as error:
        _say(f"  无法读取 / cannot be read: {error.strerror}")
    return False


def _opened(document: bytes, comment: bytes, ways: list[tuple[str, Verify]]) -> bool:
    if not comment:
        _say("  没有签名 / no seal")
        return False
    for words, verify in ways:
        try:
            verify(document, comment)
        except BadSeal as error:
            _say(f"  × {words}: {error.rule}: {error.zh} / {error.en}")
        else:
            _say(f"  ✓ seal: {words}")
            return True
    return False


def _read(document: bytes, formats: Formats) -> bool:
    head, now = read_head(document), dt.datetime.now(dt.UTC)
    body = formats.read(head.number, document, now)
    _say(f"  ✓ {head.number} {formats.label(head.number, now)} → {type(body).__name__}")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
