"""The floor: the bare steps by the quickest means, in two processes; nothing stored, sealed or audited.

    python -m bench.floor edge AMQP        HTTP in → parse, validate, walk → publish, confirmed → answer
    python -m bench.floor deliver AMQP URL consume → build the partner's format → POST → acknowledge

It stands on the gateway's own transports and bus client, because nothing quicker was found: the ratio to
it shows what storing, sealing, auditing, mapping both ways and being money-safe cost.
"""

from __future__ import annotations

import sys

from gateway.transports.process import install_reactor

reactor = install_reactor()

import msgspec  # noqa: E402
import structlog  # noqa: E402
from lxml import etree  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402
from twisted.internet.endpoints import TCP4ServerEndpoint  # noqa: E402

from bench.steps import SCHEMA, fields_of, partner_json  # noqa: E402
from gateway.bus import BusSettings, make_bus  # noqa: E402
from gateway.bus.contract import Bus, Delivered  # noqa: E402
from gateway.transports.http import HttpClient, HttpServer, Request, Response  # noqa: E402

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
QUEUE = "bench.floor"
_OK = Response(200, b"<ok/>", "text/xml")


async def edge(bus: Bus) -> None:
    """The near half."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    encode = msgspec.json.encode
    await bus.declare(QUEUE, ["#.floor"])
    count = 0

    def handle(request: Request) -> Deferred[Response]:
        nonlocal count
        count += 1
        root = etree.fromstring(request.body, parser)
        SCHEMA.assertValid(root[-1][0])
        body = encode(fields_of(root))
        return bus.publish("claim.floor", str(count), body, {}).addCallback(lambda _: _OK)

    server = HttpServer(handle)
    port = await server.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
    print(port.getHost().port, flush=True)


async def deliver(bus: Bus, url: str) -> None:
    """The far half."""
    client = HttpClient()
    decode = msgspec.json.decode

    def take(delivered: Delivered) -> None:
        body = partner_json(decode(delivered.body))
        sent = client.request("POST", url, body=body)
        sent.addCallback(lambda _: delivered.ack())

    await bus.declare(QUEUE, ["#.floor"])
    await bus.consume(QUEUE, take, 128)
    print("ready", flush=True)


async def main() -> None:
    """Starts the half that the arguments name."""
    bus = make_bus(BusSettings(kind="rabbitmq", url=sys.argv[2], exchange="bench.floor"), reactor)
    await bus.start()
    await (edge(bus) if sys.argv[1] == "edge" else deliver(bus, sys.argv[3]))


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
    reactor.run()
