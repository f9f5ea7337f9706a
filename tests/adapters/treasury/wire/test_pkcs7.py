"""PKCS#7 seals, with the `openssl` command as the other party."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.treasury.wire import BadSeal, Pkcs7Seal, Seal, make_seal
from gateway.contract import ConfigError
from tests.adapters.treasury.wire.support import Party, document, party
from tests.crypto.support import openssl

DOCUMENT = document("<A>䶮 张测试\r\n</A>")


def settings(node: Party, *partners: Party, **more: Any) -> Pkcs7Seal:
    return Pkcs7Seal(
        kind="pkcs7",
        certificate=node.certificate,
        key_file=node.key,
        partner_certificates=tuple(p.certificate for p in partners),
        **more,
    )


def seal(node: Party, *partners: Party, **more: Any) -> Seal:
    return make_seal(settings(node, *partners, **more))


def by_openssl(signer: Party, *options: str, content: bytes = DOCUMENT, command: str = "cms") -> bytes:
    """DER of a signature."""
    who = ["-signer", str(signer.certificate), "-inkey", str(signer.key)]
    return openssl(command, "-sign", "-binary", "-outform", "DER", *who, *options, given=content)


def sealed(der: bytes, content: bytes = DOCUMENT) -> bytes:
    return content + b"<!--" + base64.encodebytes(der) + b"-->\r\n"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-nodetach"],
        ["-noattr"],
        ["-nodetach", "-noattr"],
        ["-nocerts"],
        ["-nodetach", "-stream"],  # BER with indefinite lengths, the content in pieces
        ["-keyid"],
        ["-md", "sha512"],
    ],
    ids=" ".join,
)
def test_what_openssl_signs_is_believed(
    node: Party, centre: Party, stranger: Party, options: list[str]
) -> None:
    raw = sealed(by_openssl(centre, *options))
    assert seal(node, stranger, centre).open(raw) == DOCUMENT
    assert seal(node, centre, sign_dn="CN=centre,O=虚构机构,C=CN").open(raw) == DOCUMENT


def test_the_older_command_is_believed_too(node: Party, centre: Party) -> None:
    assert seal(node, centre).open(sealed(by_openssl(centre, command="smime"))) == DOCUMENT


@pytest.mark.parametrize("attached", [True, False])
def test_openssl_believes_ours(node: Party, centre: Party, tmp_path: Path, attached: bool) -> None:
    raw = seal(node, centre, attached=attached).seal(DOCUMENT)
    assert raw.startswith(DOCUMENT + b"<!--")
    signature = tmp_path / "signature.der"
    signature.write_bytes(base64.b64decode(raw[len(DOCUMENT) + 4 : -3], validate=True))
    (tmp_path / "document").write_bytes(DOCUMENT)
    apart = [] if attached else ["-content", str(tmp_path / "document")]
    trust = ["-certfile", str(node.certificate), "-CAfile", str(node.certificate), "-purpose", "any"]
    assert (
        openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", signature, *apart, *trust) == DOCUMENT
    )


def refusal(seal: Seal, raw: bytes) -> str:
    with pytest.raises(BadSeal) as error:
        seal.open(raw)
    assert error.value.zh
    assert "张测试" not in str(error.value)
    return error.value.rule


def test_another_signer(node: Party, centre: Party, stranger: Party) -> None:
    raw = sealed(by_openssl(stranger))
    assert refusal(seal(node, centre), raw) == "signer"
    assert refusal(seal(node, centre), sealed(by_openssl(stranger, "-keyid"))) == "signer"


def test_the_name_of_a_registered_signer_with_another_key(node: Party, centre: Party, tmp_path: Path) -> None:
    forger = party(tmp_path, "centre")  # same subject, issuer and serial number
    assert refusal(seal(node, centre), sealed(by_openssl(forger))) == "mismatch"
    assert refusal(seal(node, centre), sealed(by_openssl(forger, "-noattr"))) == "mismatch"


@pytest.mark.parametrize("options", [[], ["-nodetach"], ["-noattr"], ["-nodetach", "-noattr"]], ids=" ".join)
def test_another_document(node: Party, centre: Party, options: list[str]) -> None:
    der = by_openssl(centre, *options)
    assert refusal(seal(node, centre), sealed(der, DOCUMENT.replace(b"TIPS", b"TIPZ"))) == "mismatch"


def test_sha1_only_where_it_is_agreed(node: Party, centre: Party) -> None:
    raw = sealed(by_openssl(centre, "-md", "sha1"))
    assert refusal(seal(node, centre), raw) == "digest"
    assert seal(node, centre, accept_sha1=True).open(raw) == DOCUMENT
    assert refusal(seal(node, centre), sealed(by_openssl(centre, "-md", "md5"))) == "digest"
    assert (
        refusal(seal(node, centre), sealed(by_openssl(centre, "-keyopt", "rsa_padding_mode:pss"))) == "digest"
    )


def test_two_signers_are_not_one(node: Party, centre: Party, stranger: Party) -> None:
    second = ["-signer", str(stranger.certificate), "-inkey", str(stranger.key)]
    assert refusal(seal(node, centre), sealed(by_openssl(centre, *second))) == "malformed"


def test_something_else(node: Party, centre: Party) -> None:
    mine = seal(node, centre)
    der = by_openssl(centre)
    encrypted = openssl("cms", "-encrypt", "-outform", "DER", centre.certificate, given=DOCUMENT)
    for wrong in (b"", b"\x30\x00", der[:-1], der + b"\x00", der[::-1], encrypted, b"\x30\x80" * 5000):
        assert refusal(mine, sealed(wrong)) in ("malformed", "missing")
    assert refusal(mine, DOCUMENT + b"<!--not base64-->") == "malformed"
    assert refusal(mine, DOCUMENT) == "missing"
    assert refusal(mine, DOCUMENT + b"<!-- -->") == "missing"


def test_no_byte_of_a_signature_can_be_changed_into_another_document(node: Party, centre: Party) -> None:
    """A changed byte is refused, or was one that proves nothing: a version, the list of digests, an empty parameter."""
    mine, der = seal(node, centre), by_openssl(centre, "-nocerts")
    for place in range(len(der)):
        changed = der[:place] + bytes((der[place] ^ 0x40,)) + der[place + 1 :]
        try:
            assert mine.open(sealed(changed)) == DOCUMENT
        except BadSeal:
            continue
        assert place < der.index(b"0<05") or der[place : place + 2] == b"\5\0", place


def path_of(*arguments: Party, **more: Any) -> str:
    with pytest.raises(ConfigError) as error:
        make_seal(settings(*arguments, **more))
    assert error.value.zh
    return error.value.path


def test_files_that_do_not_fit(node: Party, centre: Party, tmp_path: Path) -> None:
    weak = party(tmp_path, "weak", 1024)
    nothing = Party(tmp_path / "none.cer", tmp_path / "none.pem")
    (tmp_path / "text.cer").write_text("nonsense")
    text = Party(tmp_path / "text.cer", tmp_path / "text.cer")
    assert path_of(Party(node.certificate, centre.key), centre) == "key_file"
    assert path_of(Party(node.certificate, nothing.key), centre) == "key_file"
    assert path_of(Party(nothing.certificate, node.key), centre) == "certificate"
    assert path_of(weak, centre) == "certificate"
    assert path_of(node, centre, weak) == "partner_certificates[1]"
    assert path_of(node, text) == "partner_certificates[0]"
    assert path_of(node, centre, sign_dn="CN=somebody,O=虚构机构,C=CN") == "partner_certificates[0]"
    assert path_of(node, centre, sign_dn="nonsense") == "sign_dn"


def test_a_key_that_others_may_read(centre: Party, tmp_path: Path) -> None:
    loose = party(tmp_path, "loose")
    loose.key.chmod(0o644)
    assert path_of(loose, centre) == "key_file"


def test_a_subject_is_compared_in_either_order_and_certificates_may_be_der(
    node: Party, centre: Party, tmp_path: Path
) -> None:
    certificate = x509.load_pem_x509_certificate(centre.certificate.read_bytes())
    der = Party(tmp_path / "centre.der", centre.key)
    der.certificate.write_bytes(certificate.public_bytes(Encoding.DER))
    for subject in ("CN=centre,O=虚构机构,C=CN", "C=CN, O=虚构机构, CN=centre"):
        assert seal(node, der, sign_dn=subject).open(sealed(by_openssl(centre))) == DOCUMENT
