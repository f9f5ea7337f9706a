"""Topic matching as in AMQP: words separated by dots, `*` for exactly one word, `#` for any number of them."""

from __future__ import annotations


def matches(pattern: str, routing_key: str) -> bool:
    """Tell whether a binding with `pattern` takes messages with `routing_key`.

    The empty string has no words at all, which is how RabbitMQ splits it.

    >>> matches("#.hospital-a", "settlement.claim.submitted.v1.440300.hospital-a")
    True
    >>> matches("*.hospital-a", "v1.440300.hospital-a")
    False
    """
    words = _split(routing_key)
    # `reached[i]`: the pattern so far takes exactly the first i words.
    reached = [True] + [False] * len(words)
    for part in _split(pattern):
        if part == "#":
            first = reached.index(True) if True in reached else len(reached)
            reached = [at >= first for at in range(len(reached))]
        else:
            taken = [part in ("*", word) for word in words]
            reached = [False, *(was and fits for was, fits in zip(reached, taken, strict=False))]
    return reached[-1]


def _split(dotted: str) -> list[str]:
    return dotted.split(".") if dotted else []
