"""The system's libcrypto (OpenSSL 3.0 or later) by ctypes: as much of it as SM2 needs.

`CDLL` gives up the interpreter's lock during each call, so signing in threads uses several cores. The library
keeps a list of errors for each thread, which Python's own `ssl` and `hashlib` share: it is emptied after every
failure here, so that none of them finds somebody else's.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import Any, Final

from gateway.contract.errors import ConfigError
from gateway.crypto.errors import CryptoFailed

#: By its version: an older libcrypto has another name and is not found.
NAME: Final = "libcrypto.so.3"

_OBJECT: Final = ctypes.c_void_p
_BYTES: Final = ctypes.c_char_p
_LENGTH: Final = ctypes.c_size_t
_OUT: Final = ctypes.c_void_p
_LENGTH_OUT: Final = ctypes.POINTER(ctypes.c_size_t)
_CURSOR: Final = ctypes.POINTER(ctypes.c_char_p)
_INT: Final = ctypes.c_int

#: Result, then arguments, as in OpenSSL's manual pages.
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "ERR_get_error": (ctypes.c_ulong,),
    "ERR_reason_error_string": (_BYTES, ctypes.c_ulong),
    "ERR_clear_error": (None,),
    "EVP_sm3": (_OBJECT,),
    "EVP_PKEY_free": (None, _OBJECT),
    "EVP_PKEY_CTX_new": (_OBJECT, _OBJECT, _OBJECT),
    "EVP_PKEY_CTX_new_from_name": (_OBJECT, _OBJECT, _BYTES, _BYTES),
    "EVP_PKEY_CTX_free": (None, _OBJECT),
    "EVP_PKEY_CTX_set1_id": (_INT, _OBJECT, _BYTES, _LENGTH),
    "EVP_PKEY_check": (_INT, _OBJECT),
    "EVP_PKEY_public_check": (_INT, _OBJECT),
    "EVP_PKEY_encrypt_init": (_INT, _OBJECT),
    "EVP_PKEY_encrypt": (_INT, _OBJECT, _OUT, _LENGTH_OUT, _BYTES, _LENGTH),
    "EVP_PKEY_decrypt_init": (_INT, _OBJECT),
    "EVP_PKEY_decrypt": (_INT, _OBJECT, _OUT, _LENGTH_OUT, _BYTES, _LENGTH),
    "EVP_MD_CTX_new": (_OBJECT,),
    "EVP_MD_CTX_free": (None, _OBJECT),
    "EVP_DigestSignInit": (_INT, _OBJECT, ctypes.POINTER(_OBJECT), _OBJECT, _OBJECT, _OBJECT),
    "EVP_DigestSignUpdate": (_INT, _OBJECT, _BYTES, _LENGTH),
    "EVP_DigestSignFinal": (_INT, _OBJECT, _OUT, _LENGTH_OUT),
    "EVP_DigestVerifyInit": (_INT, _OBJECT, ctypes.POINTER(_OBJECT), _OBJECT, _OBJECT, _OBJECT),
    "EVP_DigestVerifyUpdate": (_INT, _OBJECT, _BYTES, _LENGTH),
    "EVP_DigestVerifyFinal": (_INT, _OBJECT, _BYTES, _LENGTH),
    "d2i_AutoPrivateKey": (_OBJECT, _OBJECT, _CURSOR, ctypes.c_long),
    "d2i_PUBKEY": (_OBJECT, _OBJECT, _CURSOR, ctypes.c_long),
    "i2d_PUBKEY": (_INT, _OBJECT, ctypes.POINTER(ctypes.c_void_p)),
    "d2i_X509": (_OBJECT, _OBJECT, _CURSOR, ctypes.c_long),
    "X509_get_pubkey": (_OBJECT, _OBJECT),
    "X509_free": (None, _OBJECT),
}


class Handle:
    """An object of the library. It is freed with the last reference, whatever happened in between."""

    __slots__ = ("__weakref__", "_as_parameter_")

    def __init__(self, pointer: int | None, free: Callable[[int], object]) -> None:
        if not pointer:
            raise failed()
        self._as_parameter_ = pointer  # what ctypes passes where it is given a Handle
        weakref.finalize(self, free, pointer)


@functools.cache
def library() -> ctypes.CDLL:
    """The library with its prototypes.

    Raises:
        ConfigError: it is missing, too old, or was built without SM2.
    """
    try:
        found = ctypes.CDLL(NAME)
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
        context = found.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        found.EVP_PKEY_CTX_free(context)
        found.ERR_clear_error()
    except (OSError, AttributeError):
        context = None
    if not context:
        raise ConfigError(
            f"SM2 需要系统的 OpenSSL 3.0 或更高版本（{NAME}，含 SM2）：请安装，Debian 为 libssl3",
            f"SM2 needs the system's OpenSSL 3.0 or later ({NAME}, built with SM2): install it, on Debian libssl3",
        )
    return found


def must(result: int) -> None:
    """Raises CryptoFailed unless the library said that it succeeded."""
    if result != 1:
        raise failed()


def failed() -> CryptoFailed:
    """What the library says about its last failure in this thread; its texts hold no values."""
    lib = library()
    code = lib.ERR_get_error()
    reason = (lib.ERR_reason_error_string(code) or b"%#x" % code).decode()
    forget()
    return CryptoFailed(f"密码运算失败：{reason}", f"libcrypto failed: {reason}")


def forget() -> None:
    """Empties this thread's list of errors, after a failure that was expected."""
    library().ERR_clear_error()


def der(read: str, content: bytes) -> int | None:
    """A new object from DER by one of the `d2i_` functions, or None where the DER is none."""
    lib = library()
    pointer: int | None = getattr(lib, read)(None, ctypes.byref(ctypes.c_char_p(content)), len(content))
    if not pointer:
        forget()
    return pointer
