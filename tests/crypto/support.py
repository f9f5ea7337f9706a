"""The `openssl` command as the other party, and SM2 from the standard's text alone as the judge."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.crypto import sm2

#: The key, its halves and the signer's id of the examples in GB/T 32918.5, annexes A and C.
SCALAR = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
KEY = sm2.PrivateKey.of_scalar(SCALAR)

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_Point = tuple[int, int] | None


def openssl(*arguments: str | Path, given: bytes = b"", fails: bool = False) -> bytes:
    """What the command prints."""
    program = shutil.which("openssl")
    assert program is not None
    done = subprocess.run([program, *map(str, arguments)], input=given, capture_output=True, check=False)
    assert (done.returncode != 0) is fails, done.stderr.decode()
    return done.stdout


def sm2_options(distid: bytes | None) -> list[str]:
    """How `pkeyutl` signs and verifies messages by SM2."""
    said = [] if distid is None else ["-pkeyopt", f"distid:{distid.decode()}"]
    return ["-rawin", "-digest", "sm3", *said]


def key_file(folder: Path, scalar: bytes = SCALAR) -> Path:
    """The standard's private key for the command."""
    file = folder / "standard.pem"
    point = sm2.PrivateKey.of_scalar(scalar).public.point
    number = base64.b64encode(
        bytes.fromhex("30770201010420") + scalar + bytes.fromhex("a00a06082a811ccf5501822da144034200") + point
    )
    file.write_bytes(b"-----BEGIN EC PRIVATE KEY-----\n%b\n-----END EC PRIVATE KEY-----\n" % number)
    file.chmod(0o600)
    return file


def pem(label: str, der: bytes) -> bytes:
    """DER in armour."""
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (
        label.encode(),
        base64.encodebytes(der),
        label.encode(),
    )


def holds(point: bytes, message: bytes, der: bytes, distid: bytes) -> bool:
    """GB/T 32918.2, section 7, with affine arithmetic: slow, and independent of libcrypto."""
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    z = hashlib.new("sm3", (len(distid) * 8).to_bytes(2, "big") + distid)
    for number in (_A, _B, *_G, x, y):
        z.update(number.to_bytes(32, "big"))
    e = int.from_bytes(hashlib.new("sm3", z.digest() + message).digest(), "big")
    r, s = decode_dss_signature(der)
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t):
        return False
    found = _add(_times(s, _G), _times(t, (x, y)))
    return found is not None and (e + found[0]) % _N == r


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


def _times(factor: int, point: _Point) -> _Point:
    result: _Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result
