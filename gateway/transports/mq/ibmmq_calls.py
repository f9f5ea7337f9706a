"""The calls of IBM's client (MQI) that a line makes. All of them block and belong into the line's thread.

Names are IBM's: https://www.ibm.com/docs/en/ibm-mq/9.4.x?topic=reference-mqi-applications
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.transports.mq.settings import IbmMqSettings

_WAIT = 1000  # milliseconds that one get waits; so long stopping may take
_ID = 24  # bytes of MsgId and CorrelId


@dataclass(frozen=True, slots=True)
class Got:
    """A message got within the open unit of work; `backouts` is how often it was put back before."""

    body: bytes
    message_id: str | None
    correlation_id: str | None
    backouts: int


class NotPut(Exception):
    """Certainly nothing was put.

    Attributes:
        usable: the connection can still be used.
    """

    def __init__(self, words: str, usable: bool) -> None:
        super().__init__(words)
        self.usable = usable


class Calls:
    """One connection to a queue manager.

    Args:
        mq: the package `ibmmq`, whose `MQMIError` is what every call may raise; or another error of its own.
    """

    def __init__(self, mq: Any, settings: IbmMqSettings) -> None:
        self._mq = mq
        self._settings = settings
        # `False`: an interpreter that ends must not disconnect, which would commit what was got and not dealt with.
        self._manager = mq.QueueManager(None, False)
        self._putting: dict[str, Any] = {}
        self._getting: Any = None

    def connect(self) -> None:
        """MQCONNX as a client. The client's own reconnection stays off: it would hide the loss of a unit of work."""
        mq, settings = self._mq, self._settings
        channel = mq.CD()
        channel.ChannelName = settings.channel.encode()
        channel.ConnectionName = settings.connection.encode()
        channel.ChannelType = mq.CMQXC.MQCHT_CLNTCONN
        channel.TransportType = mq.CMQXC.MQXPT_TCP
        channel.MaxMsgLength = settings.largest_body
        channel.HeartbeatInterval = settings.heartbeat
        options = mq.CNO()
        options.Options = mq.CMQC.MQCNO_CLIENT_BINDING | mq.CMQC.MQCNO_RECONNECT_DISABLED
        more: dict[str, Any] = {}
        if settings.cipher is not None:
            channel.SSLCipherSpec = settings.cipher.encode()
            more["sco"] = self._keys()
        if settings.user is not None and settings.password is not None:
            more.update(user=settings.user, password=settings.password.get_secret_value())
        self._manager.connect_with_options(settings.queue_manager, cd=channel, cno=options, **more)

    def put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        """MQPUT and MQCMIT, in one call of the thread: another put between them would be part of the same unit.

        Raises:
            NotPut: Certainly nothing is there.
            Exception: The commit failed, and nobody knows.
        """
        try:
            self._put(queue, body, message_id, correlation_id)
        except Exception as error:
            raise NotPut(self.words(error), self._undo()) from error
        try:
            self._manager.commit()
        except self._mq.MQMIError as error:
            if error.reason == self._mq.CMQC.MQRC_BACKED_OUT:
                raise NotPut(self.words(error), True) from error
            raise

    def open_for_getting(self, queue: str) -> None:
        """MQOPEN of the queue that this connection reads."""
        mqc = self._mq.CMQC
        options = mqc.MQOO_INPUT_SHARED | mqc.MQOO_FAIL_IF_QUIESCING
        self._getting = self._mq.Queue(self._manager, queue, options)

    def get(self) -> Got | None:
        """MQGET under syncpoint, waiting a second; None where nothing came."""
        mqc = self._mq.CMQC
        descriptor = self._mq.MD()
        options = self._mq.GMO()
        options.Options = (
            mqc.MQGMO_SYNCPOINT | mqc.MQGMO_WAIT | mqc.MQGMO_FAIL_IF_QUIESCING | mqc.MQGMO_NO_PROPERTIES
        )
        options.WaitInterval = _WAIT
        try:
            body = self._getting.get(self._settings.largest_body, descriptor, options)
        except self._mq.MQMIError as error:
            if error.reason == mqc.MQRC_NO_MSG_AVAILABLE:
                return None
            raise
        return Got(body, _text(descriptor.MsgId), _text(descriptor.CorrelId), int(descriptor.BackoutCount))

    def look(self, queue: str) -> None:
        """MQOPEN for inquiring, which needs no right to put or get."""
        mqc = self._mq.CMQC
        self._mq.Queue(self._manager, queue, mqc.MQOO_INQUIRE | mqc.MQOO_FAIL_IF_QUIESCING).close()

    def commit(self) -> None:
        """MQCMIT."""
        self._manager.commit()

    def back_out(self) -> None:
        """MQBACK."""
        self._manager.backout()

    def leave(self) -> None:
        """MQBACK, then MQDISC, which by itself would commit."""
        self._manager.backout()
        self._manager.disconnect()

    def words(self, error: Any) -> str:
        """What IBM calls the error; of others, their kind."""
        if isinstance(error, self._mq.MQMIError):
            return f"{error.errorAsString()} ({error.reason})"
        return type(error).__name__

    def not_authorized(self, error: Any) -> bool:
        """Tell whether we lack a right."""
        return bool(getattr(error, "reason", None) == self._mq.CMQC.MQRC_NOT_AUTHORIZED)

    def _put(self, queue: str, body: bytes, message_id: str, correlation_id: str | None) -> None:
        mqc = self._mq.CMQC
        target = self._putting.get(queue)
        if target is None:
            target = self._mq.Queue(self._manager, queue, mqc.MQOO_OUTPUT | mqc.MQOO_FAIL_IF_QUIESCING)
            self._putting[queue] = target
        descriptor = self._mq.MD()
        descriptor.MsgId = message_id.encode().ljust(_ID, b"\0")
        if correlation_id is not None:
            descriptor.CorrelId = correlation_id.encode().ljust(_ID, b"\0")
        descriptor.CodedCharSetId = self._settings.ccsid
        descriptor.Format = mqc.MQFMT_NONE  # bytes: no channel converts them
        descriptor.Persistence = mqc.MQPER_PERSISTENT
        options = self._mq.PMO()
        options.Options = mqc.MQPMO_SYNCPOINT | mqc.MQPMO_FAIL_IF_QUIESCING
        target.put(body, descriptor, options)

    def _undo(self) -> bool:
        """Back out; tell whether the connection can still be used."""
        try:
            self._manager.backout()
        except Exception:
            return False
        return True

    def _keys(self) -> Any:
        keys = self._mq.SCO()
        keys.KeyRepository = str(self._settings.key_repository).encode()
        if self._settings.certificate_label is not None:
            keys.Version = self._mq.CMQC.MQSCO_VERSION_5
            keys.CertificateLabel = self._settings.certificate_label.encode()
        return keys


def _text(identity: bytes) -> str | None:
    """MsgId and CorrelId are bytes, and mostly text; None where there is none."""
    bare = identity.rstrip(b"\0 ")
    if not bare:
        return None
    return bare.decode() if bare.isascii() and bare.decode().isprintable() else identity.hex()
