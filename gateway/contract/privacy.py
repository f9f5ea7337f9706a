"""Making personal data unrecognisable for people and programs that need not know it.

What is masked stays recognisable to someone who knows the value, and useless to someone who does not:
`110101199001010015` becomes `1101**********0015`, `张三丰` becomes `张**`.
"""

from __future__ import annotations

import re
from typing import Final

#: Names under which personal data and secrets travel: in our bodies, in the interfaces of partners, in HTTP.
_LISTED: Final = """
    name person_name psn_name patient_name opter_name operator_name doctor_name dr_name bilg_dr_name
    certno certificate_no certificate_number mdtrt_cert_no psn_cert_no document_no person_no psn_no id_no idno id_card
    card card_no card_sn bank_account account_no phone tel mobile address birth_date brdy
    token password passwd secret authorization cookie api_key apikey x_tif_signature
    private_key passphrase
    gmsfhm sfzh xm cym csrq zzxz xp photo former_name usercardid authorizeinfo inlicense
    contributor_no contact_mobile contact_email
    taxpaycode taxpayname handorgname payacct payeeacct payeename peoplename peoplephone peoplemobile newpassword
"""
_NAMES: Final = frozenset(_LISTED.split())
_ENDINGS: Final = (
    "_certno", "_cert_no", "_document_no", "_card_no", "_account_no", "_token", "_password", "_secret", "_phone",
    "psn_name", "account_name", "debtor_name", "creditor_name", "payer_name", "payee_name", "contributor_name",
    "contact_name",
)  # fmt: skip

# Identity numbers have 18 places (15 before 1999; the last may be X), bank cards 16 to 19, mobile numbers 11.
_NUMBERS: Final = re.compile(r"\d{15,}[Xx]?|(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")

# pydantic quotes what it refuses; in an exception's text that is somebody's data.
_QUOTED: Final = re.compile(r"input_value=.*?(?=, input_type=)", re.DOTALL)

_SHORT: Final = 8


def is_personal(name: str) -> bool:
    """Whether values under this name are personal data or secret, whatever they look like."""
    plain = name.lower().replace("-", "_")
    return plain in _NAMES or plain.endswith(_ENDINGS)


def mask_id(number: str) -> str:
    """A number or token with its middle hidden: four places stay at each end, two where it is short."""
    length = len(number)
    if length < _SHORT:
        return "*" * length
    keep = 4 if length >= 15 else 2
    return f"{number[:keep]}{'*' * (length - 2 * keep)}{number[-keep:]}"


def mask_name(name: str) -> str:
    """A person's name with all but its first character hidden."""
    return name[:1] + "*" * (len(name) - 1) if len(name) > 1 else "*" * len(name)


def mask_text(text: str) -> str:
    """A text with every identity, card and mobile number in it masked; all else stays."""
    if "input_value=" in text:
        text = _QUOTED.sub("input_value=***", text)
    return _NUMBERS.sub(_mask_match, text)


def mask_value(name: str, value: str) -> str:
    """A value that stands under a personal name."""
    return mask_name(value) if name.lower().endswith("name") else "***" if _secret(name) else mask_id(value)


def _mask_match(match: re.Match[str]) -> str:
    return mask_id(match[0])


def _secret(name: str) -> bool:
    plain = name.lower()
    return any(
        part in plain for part in ("token", "pass", "secret", "authoriz", "cookie", "key", "signature")
    )
