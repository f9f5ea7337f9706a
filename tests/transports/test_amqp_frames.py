"""Our frames against pika's: what one writes, the other reads."""

from __future__ import annotations

import pika.frame
import pika.spec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.amqp.frames import (
    PUBLISH_TAG,
    PublishWriter,
    read_deliver,
    read_header,
    read_settle,
    short_string,
    write_ack,
    write_nack,
)

short = st.text(max_size=60)
headers = st.dictionaries(short.filter(lambda name: name != PUBLISH_TAG), st.text(max_size=300), max_size=5)
tags = st.integers(1, 2**63 - 1)


def frames_of(data: bytes) -> list[pika.frame.Frame]:
    found = []
    while data:
        used, frame = pika.frame.decode_frame(data)
        assert used
        found.append(frame)
        data = data[used:]
    return found


@given(
    st.integers(1, 2**62),
    short,
    st.lists(st.tuples(short, st.binary(max_size=600)), min_size=1, max_size=5),
    headers,
)
def test_many_at_once_are_the_same_frames(
    tag: int, key: str, messages: list[tuple[str, bytes]], given_headers: dict[str, str]
) -> None:
    writer = PublishWriter(3, "", 256 + 8)
    one_by_one = [
        writer.write(number, key, message_id, body, given_headers)
        for number, (message_id, body) in enumerate(messages, tag)
    ]
    assert PublishWriter(3, "exchange", 256 + 8).write_many(tag, key, messages, given_headers) == b"".join(
        one_by_one
    )


@given(tags, short, short, st.binary(max_size=900), headers)
def test_pika_reads_our_publish(
    tag: int, key: str, message_id: str, body: bytes, given_headers: dict[str, str]
) -> None:
    writer = PublishWriter(3, "exchange", 256 + 8)
    for _ in range(2):  # the second time from the caches
        method, header, *bodies = frames_of(writer.write(tag, key, message_id, body, given_headers))
        assert isinstance(method.method, pika.spec.Basic.Publish)
        assert (method.channel_number, method.method.exchange, method.method.routing_key) == (
            3,
            "exchange",
            key,
        )
        assert method.method.mandatory
        assert not method.method.immediate
        properties = header.properties
        assert (properties.message_id, properties.delivery_mode, header.body_size) == (
            message_id,
            2,
            len(body),
        )
        assert properties.headers == {PUBLISH_TAG: tag, **given_headers}
        assert b"".join(frame.fragment for frame in bodies) == body
        assert all(len(frame.fragment) <= 256 for frame in bodies)


@given(tags, short, st.booleans(), short, headers, st.integers(0, 2**40))
def test_we_read_what_pika_writes(
    tag: int, key: str, redelivered: bool, message_id: str, given_headers: dict[str, str], size: int
) -> None:
    deliver = pika.spec.Basic.Deliver("consumer", tag, redelivered, "exchange", key)
    data = pika.frame.Method(1, deliver).marshal()
    assert read_deliver(data, 7) == (tag, redelivered, key)
    for more in ({}, {PUBLISH_TAG: 5}, {"x-delivery-count": 2}):
        properties = pika.spec.BasicProperties(
            headers={**given_headers, **more},
            delivery_mode=2,
            message_id=message_id,
            content_type="a/b" if more else None,
        )
        data = pika.frame.Header(1, size, properties).marshal()
        expected = {**given_headers, **({"x-delivery-count": "2"} if "x-delivery-count" in more else {})}
        assert read_header(data, 7, len(data) - 1) == (size, message_id, expected)


def test_message_without_any_property() -> None:
    data = pika.frame.Header(1, 9, pika.spec.BasicProperties()).marshal()
    assert read_header(data, 7, len(data) - 1) == (9, "", {})


@given(tags, st.booleans())
def test_settling(tag: int, flag: bool) -> None:
    (ack,) = frames_of(write_ack(7, tag, flag))
    assert isinstance(ack.method, pika.spec.Basic.Ack)
    assert (ack.channel_number, ack.method.delivery_tag, ack.method.multiple) == (7, tag, flag)
    (nack,) = frames_of(write_nack(7, tag, flag))
    assert isinstance(nack.method, pika.spec.Basic.Nack)
    assert (nack.method.delivery_tag, nack.method.requeue, nack.method.multiple) == (tag, flag, False)
    assert read_settle(pika.frame.Method(1, pika.spec.Basic.Ack(tag, flag)).marshal(), 7) == (tag, flag)


def test_too_long_for_a_short_string() -> None:
    assert len(short_string("x" * 255)) == 256
    with pytest.raises(ValueError, match="255"):
        short_string("医" * 86)
