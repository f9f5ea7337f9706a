"""Who may come in, and whether what they bring is SOAP at all."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.settings import HospitalSettings, XTif
from gateway.contract import Context
from gateway.transports.http import Request, media_type
from gateway.transports.http.tif import TifRefusal, verify
from gateway.transports.soap import SoapFault, SoapRequest, Version, XmlError, parse
from gateway.transports.soap.envelope import read_envelope

_BY_MEDIA = {version.media: version for version in Version}
_SIGNATURES = {
    TifRefusal.MISSING: ("缺少 x-tif 请求头或格式不对", "x-tif headers are missing or malformed"),
    TifRefusal.UNKNOWN_CALLER: ("x-tif-paasid 不是约定的应用编号", "x-tif-paasid is not the agreed one"),
    TifRefusal.SIGNATURE: (
        "签名不符，请核对令牌与算法",
        "the signature does not match: check token and algorithm",
    ),
    TifRefusal.CLOCK: ("时间戳超出允许范围，请校准时钟", "the timestamp is out of range: set the clock"),
}


class Door:
    """Checks what every request must get past, whatever it asks."""

    def __init__(self, settings: HospitalSettings, context: Context) -> None:
        self._limit = settings.body_limit
        self._networks = tuple(ip_network(network) for network in settings.clients)
        self._signed = settings.authentication if isinstance(settings.authentication, XTif) else None
        self._context = context

    def announced(self, request: Request) -> Version:
        """The SOAP version its Content-Type stands for; 1.1 where it stands for none."""
        return _BY_MEDIA.get(media_type(request.headers.get("content-type"))[0], Version.V11)

    def knows(self, request: Request) -> bool:
        """Whether the client's address is let in."""
        if not self._networks:
            return True
        try:
            address = ip_address(request.peer.rpartition(":")[0].partition("%")[0])
        except ValueError:  # not over IP
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    async def open(self, request: Request) -> SoapRequest:
        """Everything up to, and without, what the message says.

        Raises:
            Fault: what is wrong, in the order limits, XML, SOAP, authentication.
        """
        if not self.knows(request):
            zh, en = "客户端地址不在允许范围内", "the client's address is not let in"
            raise Fault(code="client-address", zh=zh, en=en, rule="clients")
        soap = self._envelope(request)
        try:
            await self._authenticate(request)
        except Fault as fault:
            fault.version = soap.version
            raise
        return soap

    def _envelope(self, request: Request) -> SoapRequest:
        media, parameters = media_type(request.headers.get("content-type"))
        if len(request.body) > self._limit:
            zh, en = f"请求体超过 {self._limit} 字节", f"the body is larger than {self._limit} bytes"
            raise Fault(code="too-large", zh=zh, en=en, rule=f"max {self._limit}")
        if media not in _BY_MEDIA:
            zh = "Content-Type 应为 text/xml 或 application/soap+xml"
            en = "Content-Type must be text/xml or application/soap+xml"
            raise Fault(code="malformed", zh=zh, en=en, rule="content-type")
        try:
            root = parse(request.body, parameters.get("charset"), max_bytes=self._limit)
        except XmlError as error:
            zh, _, en = str(error).partition(" / ")
            raise Fault(code="malformed", zh=zh, en=en, rule="xml", line=error.line) from None
        return _soap(root, request)

    async def _authenticate(self, request: Request) -> None:
        signed = self._signed
        if signed is None:
            return
        verified = verify(
            request.headers,
            paasid=signed.paasid,
            token=signed.token.get_secret_value(),
            now=self._context.clock.now().timestamp(),
            window=signed.clock_window,
        )
        if isinstance(verified, TifRefusal):
            zh, en = _SIGNATURES[verified]
            raise Fault(code="signature", zh=zh, en=en, rule=verified.value)
        if not await self._context.replay.first_use(verified.nonce, verified.keep_for):
            zh, en = (
                "x-tif-nonce 已用过，每次请求须重新签名",
                "x-tif-nonce was used before: sign every request afresh",
            )
            raise Fault(code="replay", zh=zh, en=en, rule="nonce")


def _soap(root: etree._Element, request: Request) -> SoapRequest:
    try:
        return read_envelope(root, request)
    except SoapFault as error:
        namespace = etree.QName(root).namespace
        version = next((version for version in Version if version.namespace == namespace), None)
        raise _not_soap(error, version) from None


def _not_soap(error: SoapFault, version: Version | None) -> Fault:
    if error.code == "MustUnderstand":  # its text names the header, whose name is the sender's to choose
        zh, en = "含有必须处理而无法处理的 SOAP 头", "a header block that must be understood is not"
        return Fault(code="malformed", zh=zh, en=en, side="MustUnderstand", rule="header", version=version)
    return Fault(
        code="malformed",
        zh=error.reason_zh,
        en=error.reason_en,
        side=error.code,
        rule=error.subcode,
        version=version,
    )
