"""CDC's envelope against a vector made with the openssl command line, and against whatever else may come."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bank.online.dialects.cdc_envelope import (
    PLACEHOLDER,
    Envelope,
    Forged,
    PlainError,
    Unusable,
    canonical,
)
from adapters.bank.online.dialects.dialect import REQUEST, with_request
from adapters.bank.online.settings import CdcSettings
from adapters.bank.simulator.online_books import Books
from adapters.bank.simulator.online_cdc import Cdc, Keys
from gateway.crypto import forms, sm2, sm4

VECTOR: dict[str, Any] = json.loads((Path(__file__).parent / "vector.json").read_text())
IV = b"U990101001000000"
REQID = "2026112010150000001"


def envelope(folder: Path, *, bank: str = VECTOR["bank"]["public"], **changes: Any) -> Envelope:
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "client.key"
    key.touch(0o600)
    key.write_text(VECTOR["client"]["private"])
    (folder / "bank.pub").write_text(bank)
    facts = {
        "kind": "cmb-cdc", "url": "http://127.0.0.1:9/", "business_mode": "00001", "user": VECTOR["user"],
        "key_file": key, "bank_keys": [folder / "bank.pub"], "sm4_key": VECTOR["sm4_key"],
    }  # fmt: skip
    return Envelope(CdcSettings.model_validate({**facts, **changes}))


def _data(form: bytes) -> str:
    return parse_qs(form.decode())["DATA"][0]


def _plain(data: str) -> str:
    return sm4.decrypt_cbc(VECTOR["sm4_key"].encode(), IV, base64.b64decode(data)).decode()


def test_the_request_is_the_vectors(tmp_path: Path) -> None:
    tree = json.loads(VECTOR["request"]["text"])["request"]
    form = envelope(tmp_path).request("BB6BTHHL", tree["head"]["reqid"], "20261120101500", tree["body"])
    fields = parse_qs(form.decode())
    assert {name: fields[name] for name in ("UID", "ALG", "FUNCODE")} == {
        "UID": ["U990101001"], "ALG": ["SM"], "FUNCODE": ["BB6BTHHL"],
    }  # fmt: skip
    text = _plain(_data(form))
    signature = json.loads(text)["signature"]["sigdat"]
    assert text.replace(signature, PLACEHOLDER) == VECTOR["request"]["text"]
    # Signatures differ each time: this one must be good, as the vector's is, and 64 bytes long.
    public = sm2.PublicKey.of_point(bytes.fromhex(VECTOR["client"]["public"]))
    for raw in map(base64.b64decode, (signature, VECTOR["request"]["signature"])):
        der = forms.signature_from("raw", raw)
        public.verify(VECTOR["request"]["text"].encode(), der, distid=IV)
    assert _plain(VECTOR["request"]["data"]) == VECTOR["request"]["text"].replace(
        PLACEHOLDER, VECTOR["request"]["signature"]
    )


def test_the_vectors_answer_is_read(tmp_path: Path) -> None:
    answer = envelope(tmp_path).open(VECTOR["answer"]["data"].encode(), REQID)
    assert (answer.code, answer.text) == ("SUC0000", "")
    assert answer.body == {"bb6cdcbhz1": [{"reqnbr": "0990000001", "reqsta": "BNK"}]}


def test_another_banks_key_is_told(tmp_path: Path) -> None:
    stranger = envelope(tmp_path, bank=VECTOR["client"]["public"])
    with pytest.raises(Forged):
        stranger.open(VECTOR["answer"]["data"].encode(), REQID)


@pytest.mark.parametrize("signed", ["stripped", "sorted", "received"])
def test_what_of_an_answer_is_signed(tmp_path: Path, signed: str) -> None:
    """Blanks within values, and keys in another order, tell the three apart."""
    body = {"x": [{"b": "a b", "a": "1"}]}
    tree = {"response": {"head": {"resultcode": "SUC0000", "resultmsg": "a b"}, "body": body}}
    tree["signature"] = {"sigtim": "20261120101501", "sigdat": PLACEHOLDER}
    received = json.dumps(tree, ensure_ascii=False)
    texts = {"stripped": canonical(tree), "sorted": canonical(tree, strip=False), "received": received}
    bank = sm2.PrivateKey.of_scalar(bytes.fromhex(VECTOR["bank"]["private"]))
    raw = forms.signature_to("raw", bank.sign(texts[signed].encode(), distid=IV))
    whole = received.replace(PLACEHOLDER, base64.b64encode(raw).decode()).encode()
    data = base64.b64encode(sm4.encrypt_cbc(VECTOR["sm4_key"].encode(), IV, whole))
    for setting in texts:
        reader = envelope(tmp_path / setting, answer_signed=setting)
        if setting == signed:
            assert reader.open(data, REQID).body == body
        else:
            with pytest.raises(Forged):
                reader.open(data, REQID)


def test_plain_errors(tmp_path: Path) -> None:
    with pytest.raises(PlainError):
        envelope(tmp_path).open("CDCServer ErrMsg: 验签失败".encode(), REQID)


@given(content=st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(base64.b64encode)))
def test_anything_else_is_unusable(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with pytest.raises(Unusable):
        _shared(tmp_path_factory).open(content, REQID)


@given(inner=st.recursive(st.none() | st.text() | st.floats() | st.integers(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)))  # fmt: skip
def test_whatever_is_inside(tmp_path_factory: pytest.TempPathFactory, inner: Any) -> None:
    text = json.dumps(inner, ensure_ascii=False).encode("utf-8", "surrogatepass")
    data = base64.b64encode(sm4.encrypt_cbc(VECTOR["sm4_key"].encode(), IV, text))
    with pytest.raises((Unusable, Forged)):
        _shared(tmp_path_factory).open(data, REQID)


_made: list[Envelope] = []


def _shared(factory: pytest.TempPathFactory) -> Envelope:
    if not _made:
        _made.append(envelope(factory.mktemp("keys")))
    return _made[0]


@given(st.lists(st.text(alphabet='aA 张\r\u3000"\\', max_size=8), max_size=4))
def test_canonical_text_has_no_blanks_and_stays_json(values: list[str]) -> None:
    text = canonical({"b": values, "a": 1})
    assert " " not in text
    assert "\r" not in text
    assert json.loads(text) == {"a": 1, "b": [v.replace(" ", "") for v in values]}


@given(st.text(max_size=40))
def test_only_the_head_gets_the_banks_number(value: str) -> None:
    head, items = {"reqnbr": REQUEST}, [{"accnam": value + REQUEST}, {"accnam": REQUEST}]
    written = json.dumps({"head": head, "items": items}, separators=(",", ":")).encode()
    assert json.loads(with_request(written, "0000000001")) == {
        "head": {"reqnbr": "0000000001"}, "items": items,
    }  # fmt: skip
    assert with_request(written, None) == written


def test_the_simulator_was_written_apart(tmp_path: Path) -> None:
    """It refuses what is signed by another key than the client's."""
    bank = Cdc(Books(), Keys(user="U990101001", sm4_key=VECTOR["sm4_key"].encode()), lambda: "20261120101500")
    form = envelope(tmp_path).request("BB6BPDQY", "1", "20261120101500", {"bb6bpdqyy1": [{"yurref": "X"}]})
    assert bank.answer(form, "").startswith(b"CDCServer")
    assert len(bank.wrong) == 1
