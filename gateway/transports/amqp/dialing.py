"""Connecting to a broker, with TLS or without."""

from __future__ import annotations

from typing import Any

import pika.connection
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory

from gateway.transports.amqp.connection import AmqpConnection, describe
from gateway.transports.amqp.errors import BrokerDown
from gateway.transports.http.tls import ClientTls, client_creator


def limited(parameters: pika.connection.Parameters, heartbeat: int) -> pika.connection.Parameters:
    """Give connection parameters our limits, whatever an address says about them. `heartbeat` is in seconds."""
    parameters.heartbeat = heartbeat
    parameters.blocked_connection_timeout = None  # a blocked broker is alive; heartbeats tell
    parameters.client_properties = {"connection_name": "tongqu"}
    return parameters


async def dial(
    parameters: pika.connection.Parameters, tls: ClientTls | None, timeout: float, reactor: Any
) -> AmqpConnection:
    """Begin a connection. `ready` fires when the broker has let us in; `timeout` (seconds) is for TCP alone.

    Raises:
        BrokerDown: Nobody can be reached there, or is not who the certificate must name.
    """
    factory = Factory.forProtocol(lambda: AmqpConnection(parameters, reactor))
    factory.noisy = False
    endpoint: Any = HostnameEndpoint(reactor, parameters.host, parameters.port, timeout)
    if tls is not None:
        endpoint = wrapClientTLS(client_creator(tls, parameters.host), endpoint)
    try:
        connection: AmqpConnection = await endpoint.connect(factory)
    except CancelledError:
        raise
    except Exception as error:
        # Twisted's connection errors have no common base, and TLS adds its own.
        raise BrokerDown(describe(error)) from error
    return connection
