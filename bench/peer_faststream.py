"""The peer: the same job as a hand-written FastStream service, with nothing stored and nothing audited.

`uvicorn bench.peer_faststream:app` with PEER_AMQP and PEER_SINK set.
"""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
from faststream.asgi import AsgiFastStream
from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue
from lxml import etree
from pydantic import BaseModel, ConfigDict

from bench.steps import SCHEMA, fields_of, partner_json

broker = RabbitBroker(os.environ["PEER_AMQP"], log_level=40)
queue = RabbitQueue("bench.faststream", durable=True, queue_type=QueueType.QUORUM)


class Line(BaseModel):
    """One fee line."""

    feedetl_sn: str
    fee_ocur_time: datetime
    det_item_fee_sumamt: Decimal
    cnt: Decimal
    pric: Decimal
    model_config = ConfigDict(extra="allow")


class Claim(BaseModel):
    """The message as such a service would declare it."""

    msgid: str
    psn_no: str
    mdtrt_id: str
    medfee_sumamt: Decimal
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal
    feedetail: list[Line]
    model_config = ConfigDict(extra="allow")


_session: list[aiohttp.ClientSession] = []


async def receive_claim(scope: Any, receive: Any, send: Any) -> None:
    """HTTP in: parse, publish (persistent, confirmed), answer."""
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    root = etree.fromstring(body)
    SCHEMA.assertValid(root[-1][0])
    claim = Claim.model_validate(fields_of(root))
    await broker.publish(claim, queue, persist=True)
    answer = b"<ok/>"
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@broker.subscriber(queue)
async def deliver(claim: Claim) -> None:
    """Consume: build the partner's format, post it, acknowledge."""
    if not _session:
        _session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)))
    async with _session[0].post(
        os.environ["PEER_SINK"], data=partner_json(claim.model_dump(mode="json"))
    ) as answer:
        await answer.read()


app = AsgiFastStream(broker, asgi_routes=[("/soap", receive_claim)])
