"""Who may come in, and how we prove who we are, over HTTP. The same kinds in both directions."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from adapters.generic.refusals import Refused
from gateway.contract import Context, Secret, Settings
from gateway.transports.http import Request, tif

Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,60}$")]
Fields: TypeAlias = tuple[tuple[str, str], ...]


class NoAuthentication(Settings):
    """不验证身份，仅限专网。 / Nobody is asked who they are: closed networks only."""

    kind: Literal["none"] = Field(description="不验证身份 / nobody is asked")


class Basic(Settings):
    """用户名和密码。 / User name and password."""

    kind: Literal["basic"] = Field(description="用户名与密码 / user and password")
    user: str = Field(min_length=1, description="用户名 / user name", examples=["gateway"])
    password: Secret = Field(description="密码 / password", examples=["${file:secrets/agency.password}"])

    @property
    def value(self) -> str:
        """What stands after `Basic`."""
        return b64encode(f"{self.user}:{self.password.get_secret_value()}".encode()).decode()


class Bearer(Settings):
    """令牌。 / A token."""

    kind: Literal["bearer"] = Field(description="请求头中的令牌 / a bearer token")
    token: Secret = Field(description="令牌 / token", examples=["${file:secrets/agency.token}"])


class ApiKey(Settings):
    """放在请求头中的密钥。 / A key in a header of its own."""

    kind: Literal["api-key"] = Field(description="请求头中的密钥 / a key in a header")
    header: Header = Field(default="X-Api-Key", description="请求头 / header", examples=["X-Api-Key"])
    api_key: Secret = Field(description="密钥 / key", examples=["${file:secrets/agency.key}"])


class XTif(Settings):
    """x-tif 签名请求头。 / Signed by x-tif headers."""

    kind: Literal["x-tif"] = Field(description="以 x-tif 请求头签名 / signed by x-tif headers")
    paasid: str = Field(
        min_length=1, max_length=64, description="应用编号 / application id", examples=["agency"]
    )
    token: Secret = Field(description="共享令牌 / shared token", examples=["${file:secrets/agency.token}"])
    clock_window: float = Field(
        default=300.0, gt=0, description="允许的时钟偏差，秒 / seconds by which clocks may differ"
    )


class Hmac(Settings):
    """请求体的 HMAC-SHA256：hex(HMAC(密钥, 时间戳 + 换行 + 请求体))。 / The same in English: as written."""

    kind: Literal["hmac"] = Field(description="请求体 HMAC-SHA256 / HMAC-SHA256 of the body")
    secret: Secret = Field(description="密钥 / key", examples=["${file:secrets/agency.key}"])
    timestamp_header: Header = Field(
        default="X-Timestamp", description="时间戳请求头，Unix 秒 / Unix seconds"
    )
    signature_header: Header = Field(default="X-Signature", description="签名请求头 / signature header")
    clock_window: float = Field(
        default=300.0, gt=0, description="允许的时钟偏差，秒 / seconds by which clocks may differ"
    )

    def sign(self, timestamp: str, body: bytes) -> str:
        """The value of the signature header."""
        key = self.secret.get_secret_value().encode()
        return hmac.new(key, timestamp.encode() + b"\n" + body, hashlib.sha256).hexdigest()


Authentication = Annotated[
    NoAuthentication | Basic | Bearer | ApiKey | XTif | Hmac, Field(discriminator="kind")
]


def credentials(wanted: Authentication, body: bytes, context: Context) -> Fields:
    """Fresh headers for one request."""
    now = context.clock.now().timestamp()
    match wanted:
        case Basic():
            return (("Authorization", f"Basic {wanted.value}"),)
        case Bearer():
            return (("Authorization", f"Bearer {wanted.token.get_secret_value()}"),)
        case ApiKey():
            return ((wanted.header, wanted.api_key.get_secret_value()),)
        case XTif():
            token = wanted.token.get_secret_value()
            return tif.sign(wanted.paasid, token, now=now, random=context.random(16))
        case Hmac():
            stamp = str(int(now))
            return ((wanted.timestamp_header, stamp), (wanted.signature_header, wanted.sign(stamp, body)))
        case _:
            return ()


async def admit(
    request: Request, wanted: Authentication, networks: tuple[str, ...], context: Context
) -> None:
    """Raises Refused where the request comes from a stranger."""
    if networks and not _near(request.peer, networks):
        raise _denied("clients", "客户端地址不在允许范围内", "the client's address is not let in")
    if isinstance(wanted, XTif):
        await _signed(request, wanted, context)
    elif isinstance(wanted, Hmac):
        await _digested(request, wanted, context)
    else:
        for name, value in credentials(wanted, b"", context):
            if not hmac.compare_digest(request.headers.get(name).encode(), value.encode()):
                raise _denied("credentials", "身份凭证不符", "wrong credentials")


async def _signed(request: Request, wanted: XTif, context: Context) -> None:
    verified = tif.verify(
        request.headers,
        paasid=wanted.paasid,
        token=wanted.token.get_secret_value(),
        now=context.clock.now().timestamp(),
        window=wanted.clock_window,
    )
    if isinstance(verified, tif.TifRefusal):
        raise _denied(verified.value, "x-tif 签名、时间戳或应用编号不符", "x-tif headers do not verify")
    await _fresh(verified.nonce, verified.keep_for, context)


async def _digested(request: Request, wanted: Hmac, context: Context) -> None:
    stamp = request.headers.get(wanted.timestamp_header)
    given = request.headers.get(wanted.signature_header).lower()
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 20:
        raise _denied("timestamp", "缺少时间戳或格式不对", "the timestamp is missing or malformed")
    if not hmac.compare_digest(given.encode(), wanted.sign(stamp, request.body).encode()):
        raise _denied("signature", "签名不符，请核对密钥与算法", "the signature does not match")
    age = context.clock.now().timestamp() - int(stamp)
    if abs(age) > wanted.clock_window:
        raise _denied(
            "clock", "时间戳超出允许范围，请校准时钟", "the timestamp is out of range: set the clock"
        )
    await _fresh(given, wanted.clock_window - age + 1.0, context)


async def _fresh(token: str, keep_for: float, context: Context) -> None:
    if not await context.replay.first_use(token, keep_for):
        raise _denied(
            "replay", "此签名已用过，每次请求须重新签名", "signed before: sign every request afresh"
        )


def _near(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer.rpartition(":")[0].partition("%")[0])
    except ValueError:  # not over IP
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in ip_network(network) for network in networks)


def _denied(rule: str, zh: str, en: str) -> Refused:
    return Refused(code="denied", zh=zh, en=en, rule=rule)


def headers(plain: Mapping[str, str], secret: Mapping[str, Secret]) -> Fields:
    """Fixed headers of every request."""
    return (*plain.items(), *((name, value.get_secret_value()) for name, value in secret.items()))
