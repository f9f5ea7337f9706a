"""The connection test of a queue manager, step by step: name, TCP, TLS, login, each queue. Puts and takes nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThread

from gateway.contract import CheckStep, PartnerDown
from gateway.transports.http.tls import ClientTls
from gateway.transports.mq.lines import Open, opened
from gateway.transports.mq.settings import MqLimits

Place = tuple[str, int]


class Checking:
    """See `gateway.transports.mq.contract.MqLink.check`.

    Args:
        places: hosts and ports that lead to the queue manager; one that can be reached is enough.
        tls: where TLS can be tried apart from the login.
    """

    def __init__(
        self, places: Sequence[Place], tls: ClientTls | None, limits: MqLimits, reactor: Any
    ) -> None:
        self._places = places
        self._tls = tls
        self._limits = limits
        self._reactor = reactor

    async def check(self, open_line: Open, queues: Sequence[str]) -> AsyncIterator[CheckStep]:
        """The steps; the last one is the first that fails."""
        for name, zh, en, attempt in (
            ("dns", "域名解析", "the host's name", _resolve),
            ("tcp", "TCP 连接", "TCP", self._reach),
            ("tls", "TLS 与证书", "TLS and certificates", self._shake_hands),
        ):
            if name == "tls" and self._tls is None:
                continue
            step = await self._one_of(name, zh, en, attempt)
            yield step
            if not step.ok:
                return
        for step in await self._log_in(open_line, queues):
            yield step

    async def _log_in(self, open_line: Open, queues: Sequence[str]) -> list[CheckStep]:
        """All at once: a generator that is left halfway could not close the line."""
        try:
            line = await opened(open_line, self._limits, self._reactor)
        except PartnerDown as error:
            return [_step("login", False, f"登录失败：{_why(error)}", f"login failed: {_why(error)}")]
        steps = [_step("login", True, "登录成功", "logged in")]
        try:
            for queue in queues:
                zh, en = await line.look(queue) or ("存在", "is there")
                steps.append(_step(queue, True, f"队列 {queue}：{zh}", f"queue {queue}: {en}"))
        except PartnerDown as error:
            why = _why(error)
            steps.append(_step(queue, False, f"队列 {queue} 不可用：{why}", f"queue {queue}: {why}"))
        finally:
            await line.close()
        return steps

    async def _one_of(self, name: str, zh: str, en: str, attempt: Callable[[Place], str]) -> CheckStep:
        """The step succeeds when it does for any place; blocking work is done in a thread."""
        failures = []
        for place in self._places:
            try:
                said = await deferToThread(partial(attempt, place))
            except (OSError, ValueError) as error:
                failures.append(f"{place[0]}:{place[1]} {_plain(error)}")
            else:
                return _step(name, True, f"{zh}：{said}", f"{en}: {said}")
        return _step(name, False, f"{zh}失败：{'; '.join(failures)}", f"{en} failed: {'; '.join(failures)}")

    def _connect(self, place: Place) -> socket.socket:
        return socket.create_connection(place, self._limits.connect_timeout)

    def _reach(self, place: Place) -> str:
        with self._connect(place):
            return f"{place[0]}:{place[1]}"

    def _shake_hands(self, place: Place) -> str:
        assert self._tls is not None
        context = ssl_context(self._tls)
        name = self._tls.server_name or place[0]
        with self._connect(place) as plain, context.wrap_socket(plain, server_hostname=name) as secured:
            return str(secured.version())


def _step(name: str, ok: bool, zh: str, en: str) -> CheckStep:
    return CheckStep(name=name, ok=ok, zh=zh, en=en)


def ssl_context(tls: ClientTls) -> ssl.SSLContext:
    """The same trust as `gateway.transports.http.tls.client_creator`, for what works with plain sockets."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")  # never asked at a terminal
    return context


def _resolve(place: Place) -> str:
    found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    return ", ".join(sorted({str(entry[4][0]) for entry in found}))


def _plain(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _why(error: PartnerDown) -> str:
    return error.en.partition(": ")[2] or error.en
