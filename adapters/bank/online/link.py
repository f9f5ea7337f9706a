"""One POST to the bank, and whether an answer came. Knows HTTP, no business."""

from __future__ import annotations

from typing import Final

from adapters.bank.online.settings import CdcSettings, XmlSettings
from adapters.bank.online.words import Doubt, doubt
from gateway.contract import Context, PartnerDown
from gateway.transports.http import BadAnswer, NoAnswer, NotSent
from gateway.transports.http.calling import client_for

_OK: Final = 200


class Link:
    """The connections to one bank."""

    def __init__(self, settings: CdcSettings | XmlSettings, context: Context) -> None:
        self._url, self._timeout = settings.url, settings.timeout
        self.http = client_for(settings, context, settings.answer_limit)

    async def post(self, content: bytes, content_type: str) -> bytes | Doubt:
        """The answer's body.

        Raises:
            PartnerDown: not one byte was written.
        """
        headers = (("Content-Type", content_type),)
        try:
            heard = await self.http.request(
                "POST", self._url, headers=headers, body=content, timeout=self._timeout
            )
        except NotSent as error:
            raise PartnerDown(f"无法连接银行：{error}", f"the bank cannot be reached: {error}") from None
        except (NoAnswer, BadAnswer) as error:
            return doubt(f"已发送但没有可用应答：{error}", "sent without a usable answer")
        if heard.status != _OK:
            # A gateway in front may answer so although the bank behind it has done its work.
            return doubt(f"HTTP {heard.status}：请检查地址与网络", "check address and network", heard.body)
        return heard.body
