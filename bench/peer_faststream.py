"""The peer: the same job as a hand-written FastStream service, with nothing stored and nothing audited.

`uvicorn bench.peer_faststream:app` with PEER_AMQP and PEER_SINK set.
"""

from __future__ import annotations

import os
from typing import Any

import aiohttp
from faststream.asgi import AsgiFastStream
from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue
from lxml import etree

from bench.steps import fields_of, partner_json

broker = RabbitBroker(os.environ["PEER_AMQP"], log_level=40)
queue = RabbitQueue("bench.faststream", durable=True, queue_type=QueueType.QUORUM)
_session: list[aiohttp.ClientSession] = []


async def receive_claim(scope: Any, receive: Any, send: Any) -> None:
    """HTTP in: parse, publish (persistent, confirmed), answer."""
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    fields = fields_of(etree.fromstring(body))
    await broker.publish(fields, queue, persist=True)
    answer = b"<ok/>"
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@broker.subscriber(queue)
async def deliver(fields: dict[str, Any]) -> None:
    """Consume: build the partner's format, post it, acknowledge."""
    if not _session:
        _session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)))
    async with _session[0].post(os.environ["PEER_SINK"], data=partner_json(fields)) as answer:
        await answer.read()


app = AsgiFastStream(broker, asgi_routes=[("/soap", receive_claim)])
