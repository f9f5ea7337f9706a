"""CDC's envelope: what is signed, how it is encrypted, and what of an answer may be believed. Pure.

    {"request":{"body":{…},"head":{"funcode":…,"reqid":…,"userid":…}},
     "signature":{"sigdat":"__signature_sigdat__","sigtim":"20261120101500"}}

Keys are sorted, blanks and carriage returns removed; this text is signed by SM2 (raw r‖s, base64; the id is the user
number filled up with zeros to 16 characters), the signature takes the placeholder's place, and the whole goes, encrypted
by SM4-CBC with that same filled number as IV, as `DATA` into a form beside UID, ALG and FUNCODE. Answers come the same
way back, or as an error in plain text.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from adapters.bank.online.settings import CdcSettings
from gateway.contract import Reject
from gateway.crypto import BadCiphertext, BadSignature, Signer, Verifier, make_signer, make_verifier, sm4
from gateway.crypto.settings import Sm2Agreed
from mappings import Refused as NotJson
from mappings import parse_json

PLACEHOLDER: Final = "__signature_sigdat__"
_FILL: Final = "0" * 16
_REMOVED: Final = {ord(" "): None, ord("\r"): None}


class PlainError(Exception):
    """The bank answered with an error in plain text: it did not get as far as the business."""


class Unusable(Exception):
    """Not what CDC answers with. The text says why, without quoting it."""


class Forged(Exception):
    """The signature is not the bank's."""


class Answer(Struct, frozen=True, kw_only=True):
    """A decrypted answer whose signature is the bank's."""

    code: str  #: resultcode
    text: str
    biz: str  #: bizcode
    body: dict[str, Any]
    raw: bytes  #: the decrypted text


class Envelope:
    """Writes and reads CDC messages with one user's keys.

    Raises:
        ConfigError: a key cannot be used.
    """

    def __init__(self, settings: CdcSettings) -> None:
        self._settings = settings
        filled = (settings.user + _FILL)[:16]
        agreed = Sm2Agreed(
            algorithm="sm2",
            id=settings.signature_id or filled,
            form="raw",
            text="base64",
            key_file=settings.key_file,
            partner_keys=settings.bank_keys,
        )
        self._signer: Signer = make_signer(agreed)
        self._verifier: Verifier = make_verifier(agreed)
        self._key, self._iv = sm4_key(settings), filled.encode()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the bank's keys, for comparing them by telephone."""
        return self._verifier.fingerprints

    def request(self, function: str, reqid: str, sigtim: str, body: dict[str, Any]) -> bytes:
        """The form that is posted. Blanks within texts are removed: see `refuse_blanks`."""
        head = {"funcode": function, "reqid": reqid, "userid": self._settings.user}
        text = canonical({
            "request": {"body": body, "head": head},
            "signature": {"sigdat": PLACEHOLDER, "sigtim": sigtim},
        })  # fmt: skip
        signature = self._signer.sign(text.encode()).decode()
        before, _, after = text.rpartition(PLACEHOLDER)  # the last: a value may be written like it
        whole = f"{before}{signature}{after}".encode()
        data = base64.b64encode(sm4.encrypt_cbc(self._key, self._iv, whole)).decode()
        form = {"UID": self._settings.user, "ALG": "SM", "DATA": data, "FUNCODE": function}
        return urlencode({**form, **self._settings.form}).encode()

    def open(self, content: bytes, reqid: str) -> Answer:
        """The bank's answer to the request of this number.

        Raises:
            PlainError, Unusable, Forged: see there.
        """
        text = content.decode("utf-8", errors="replace").strip()
        if any(word in text for word in self._settings.error_words):
            raise PlainError
        try:
            whole = sm4.decrypt_cbc(self._key, self._iv, base64.b64decode(text, validate=True))
        except (BadCiphertext, binascii.Error, ValueError):
            raise Unusable("not decrypted") from None
        tree = self.verified(whole)
        part = tree.get("response")
        head = part.get("head") if isinstance(part, dict) else None
        body = part.get("body") if isinstance(part, dict) else None
        if not isinstance(head, dict) or not isinstance(head.get("resultcode"), str):
            raise Unusable("no response/head/resultcode")
        if head.get("reqid", reqid) != reqid:
            # Genuine, and said at another time: what it proves, such as that a batch is absent, may not be so now.
            raise Unusable("the answer to another request")
        if body is not None and not isinstance(body, dict):
            raise Unusable("response/body is no object")
        return Answer(
            code=head["resultcode"],
            text=_text(head.get("resultmsg")),
            biz=_text(head.get("bizcode")),
            body=body or {},
            raw=whole,
        )

    def verified(self, whole: bytes) -> dict[str, Any]:
        """A signed document of the bank as objects. Raises Unusable, Forged."""
        tree = _objects(whole)
        signature = tree.get("signature")
        signature = signature if isinstance(signature, dict) else {}
        sigdat = signature.get("sigdat")
        if not isinstance(sigdat, str) or not sigdat:
            raise Unusable("no signature/sigdat")
        signed = self._signed(whole, {**tree, "signature": {**signature, "sigdat": PLACEHOLDER}}, sigdat)
        self.check(signed, sigdat)
        return tree

    def notice(self, content: bytes) -> dict[str, Any]:
        """A notice of the bank, whose `sigdat` stands beside the other members. Raises Unusable, Forged."""
        tree = _objects(content)
        sigdat = tree.get("sigdat")
        if not isinstance(sigdat, str) or not sigdat:
            raise Unusable("no sigdat")
        self.check(self._signed(content, {**tree, "sigdat": PLACEHOLDER}, sigdat), sigdat)
        return tree

    def _signed(self, whole: bytes, tree: dict[str, Any], sigdat: str) -> bytes:
        """The text that was signed: what stands there with the placeholder where the signature is."""
        if self._settings.answer_signed == "received":
            return whole.replace(sigdat.encode(), PLACEHOLDER.encode(), 1)
        try:
            return canonical(tree, strip=self._settings.answer_signed == "stripped").encode()
        except TypeError:  # a fraction that is no text: nobody can say how they have written it
            raise Unusable("a fractional number, which has no agreed form") from None

    def check(self, signed: bytes, sigdat: str) -> None:
        """Raises Forged."""
        try:
            self._verifier.verify(signed, sigdat.encode())
        except BadSignature as error:
            raise Forged(error.kind) from None


def canonical(tree: dict[str, Any], *, strip: bool = True) -> str:
    """JSON with sorted keys, as compact as it gets; blanks and carriage returns are removed, within values too."""
    text = json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.translate(_REMOVED) if strip else text


def refuse_blanks(body: dict[str, Any]) -> None:
    """Raises Reject, with the member, where a text would change by the removal of blanks."""
    for rows in body.values():
        for number, row in enumerate(rows if isinstance(rows, list) else (), start=1):
            for name, value in row.items():
                if isinstance(value, str) and value.translate(_REMOVED) != value:
                    raise Reject(
                        f"第 {number} 行 {name} 含空格：银行签名前会去除空格。请按银行登记的写法去掉，或在设置 blanks 中约定",
                        f"{name} in row {number} holds blanks, which the bank's signature removes: write it as the bank"
                        " has it, or agree on it by the setting `blanks`",
                        code="invalid",
                        field=name,
                        rule="blanks",
                    )


def sm4_key(settings: CdcSettings) -> bytes:
    """16 bytes, from as many characters or from twice as many hexadecimal digits."""
    text = settings.sm4_key.get_secret_value().strip()
    return text.encode() if len(text) == sm4.KEY else bytes.fromhex(text)


def _objects(content: bytes) -> dict[str, Any]:
    try:
        tree = parse_json(content)
    except NotJson as error:
        raise Unusable(f"not JSON: {error.rule}") from None
    if not isinstance(tree, dict):
        raise Unusable("not an object")
    return tree


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise Unusable("a code or text in response/head is no text")
    return value or ""
