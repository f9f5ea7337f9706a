"""A conversation with one platform: message ids, sign-in, and one transaction after another.

Shared by sender, resolver and checker of a partner, because a second sign-in of the same operator could end
the first, and because msgids must come from one place.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from twisted.internet.defer import DeferredLock

from adapters.settlement.codec import Answer, Caller, Envelope, Signature, Unreadable, with_sign_no
from adapters.settlement.formats import Formats
from adapters.settlement.link import Heard, Link
from adapters.settlement.msgids import MessageIds
from adapters.settlement.settings import SettlementSettings
from gateway.contract import Context, RetryLater


class Operator(Struct, frozen=True):
    """Whoever asks, where no canonical message says so."""

    institution_code: str
    institution_name: str
    treatment_region: str
    operator_code: str
    operator_name: str


class Channel:
    """One platform, as one partner sees it."""

    def __init__(self, settings: SettlementSettings, context: Context) -> None:
        self.settings = settings
        self.context = context
        self.formats = Formats(settings.mappings, context.mappings)
        self.link = Link(settings, context)
        self._envelope = Envelope(settings)
        self._ids = MessageIds(context.clock, context.serials)
        self._sign_nos: dict[tuple[str, str], str] = {}
        self._signed_in: dict[tuple[str, str], Operator] = {}
        self._signing = DeferredLock()

    async def sign(self, institution_code: str) -> Signature:
        """A new message id. Raises Reject where the institution's code does not fit into one."""
        return await self._ids.next(institution_code)

    async def make(self, infno: str, tree: dict[str, Any], caller: Caller) -> tuple[str, bytes]:
        """A request under a new msgid: the msgid, and the request body."""
        signature = await self.sign(caller.institution_code)
        insured_region = getattr(caller, "insured_region", None) or ""
        return signature.msgid, self._envelope.wrap(infno, signature, caller, tree, insured_region)

    async def call(self, infno: str, content: bytes, caller: Caller) -> Heard:
        """Sends a request that `make` made.

        Raises:
            PartnerDown: certainly nothing was sent.
        """
        wanted = self.settings.sign_in
        if wanted is None:
            return await self.link.post(infno, content)
        sign_no = await self._sign_no(caller)
        if not isinstance(sign_no, str):
            return sign_no
        heard = await self.link.post(infno, with_sign_no(content, sign_no))
        if isinstance(heard, Answer) and not self.succeeded(heard) and says(heard, wanted.expired_words):
            self._sign_nos.pop(_key(caller), None)
            return RetryLater(
                reason="签到已失效，重新签到后再发 / the sign-in has expired: signing in again", after=1.0
            )
        return heard

    def succeeded(self, answer: Answer) -> bool:
        """Whether the platform says it did it."""
        return answer.infcode in self.settings.success_codes

    # -- sign-in --------------------------------------------------------------------------------------

    async def _sign_no(self, caller: Caller) -> str | RetryLater:
        """The current sign-in of this operator, made where there is none."""
        known = self._sign_nos.get(_key(caller))
        if known is not None:
            return known
        await self._signing.acquire()
        try:
            known = self._sign_nos.get(_key(caller))
            return known if known is not None else await self.sign_in(caller)
        finally:
            self._signing.release()

    async def sign_in(self, caller: Caller) -> str | RetryLater:
        """9001. Nothing else was sent yet, so whatever goes wrong can be repeated."""
        wanted = self.settings.sign_in
        assert wanted is not None
        tree = {"signIn": {"opter_no": caller.operator_code, "mac": wanted.mac, "ip": wanted.ip}}
        _, content = await self.make("9001", tree, _without_person(caller))
        heard = await self.link.post("9001", content)
        if isinstance(heard, RetryLater):
            return heard
        if not isinstance(heard, Answer):
            return RetryLater(reason="签到没有可用应答 / the sign-in brought no usable answer")
        if not self.succeeded(heard):
            return RetryLater(reason=f"签到被拒绝，代码 {heard.infcode} / the sign-in was refused")
        try:
            sign_no = _sign_no_in(heard)
        except Unreadable:
            return RetryLater(reason="签到应答没有签到编号 / the sign-in's answer holds no number")
        self._sign_nos[_key(caller)] = sign_no
        self._signed_in[_key(caller)] = _without_person(caller)
        return sign_no

    def signed_in(self) -> list[Operator]:
        """Whoever has signed in and not out again."""
        return [self._signed_in[key] for key in self._sign_nos]

    async def sign_out(self, caller: Caller) -> Heard | None:
        """9002; None where nobody is signed in."""
        sign_no = self._sign_nos.pop(_key(caller), None)
        if sign_no is None:
            return None
        tree = {"signOut": {"sign_no": sign_no, "opter_no": caller.operator_code}}
        _, content = await self.make("9002", tree, _without_person(caller))
        return await self.link.post("9002", with_sign_no(content, sign_no))


def says(answer: Answer, words: tuple[str, ...]) -> bool:
    """Whether the refusal's text holds one of these."""
    text = answer.err_msg.lower()
    return any(word and word.lower() in text for word in words)


def _key(caller: Caller) -> tuple[str, str]:
    return caller.institution_code, caller.operator_code


def _without_person(caller: Caller) -> Operator:
    return Operator(
        caller.institution_code,
        caller.institution_name,
        caller.treatment_region,
        caller.operator_code,
        caller.operator_name,
    )


def _sign_no_in(answer: Answer) -> str:
    node = answer.output.get("signinoutb")
    sign_no = node.get("sign_no") if isinstance(node, dict) else None
    if not isinstance(sign_no, str) or not sign_no:
        raise Unreadable("sign_no")
    return sign_no


_channels: dict[str, Channel] = {}


def channel(settings: SettlementSettings, context: Context) -> Channel:
    """The partner's channel: the same one for all its abilities, a new one after a change of settings."""
    known = _channels.get(context.partner)
    if known is None or known.context is not context or known.settings != settings:
        known = _channels[context.partner] = Channel(settings, context)
    return known
