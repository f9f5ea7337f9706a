"""Messages whose rows are kept beside them, because there are so many.

    by files, in a format of rows   written row by row into a file of our own ─► carried ─► removed; any number of rows
    any other way or format         put back into the body, up to `MOST`; more is refused

Blocking: call in a thread.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from adapters.generic.formats import Format
from gateway.canonical import Body, Message
from gateway.canonical.rows import decoded, rows_beside, with_rows
from gateway.contract import ConfigError, Context, GatewayError, Reject

#: Rows that are put into one document.
MOST: Final = 20_000


class Unwritten(GatewayError):
    """The document could not be written: the disk is full, or what is kept beside the message is damaged."""


def body_of(message: Message, context: Context) -> Body:
    """With the rows that are kept beside the message.

    Raises:
        Reject: there are too many of them for one document.
    """
    rows, kept = rows_beside(message), message.attachment
    if not rows or kept is None:
        return message.data
    if rows > MOST:
        raise Reject(
            f"共 {rows} 笔，超过一份报文的 {MOST} 笔：请改用文件通道和按行的格式（delimited、fixed）",
            f"{rows} rows, more than the {MOST} of one document: use a way of files and a format of rows"
            " (delimited, fixed)",
            code="too-large",
            rule=f"max {MOST}",
        )
    body: Body = with_rows(message, context.attachments.records(kept))
    return body


def written(form: Format, message: Message, envelope: dict[str, str], context: Context) -> Path:
    """The document as a file in the state folder; whoever asked for it removes it. The same each time.

    Raises:
        MappingError: the form cannot say this message.
        Unwritten: not now.
    """
    kept = message.attachment
    assert kept is not None, "only messages with rows beside them"
    file = context.state_dir / "outgoing" / message.id
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with open(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as out:
            rows = decoded(message.type, context.attachments.records(kept))
            form.request.write(out, message.data, rows, envelope)
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, ConfigError):
            raise Unwritten(error.zh, error.en) from None
        if isinstance(error, OSError):
            cause = error.strerror or type(error).__name__
            raise Unwritten(f"写不出文件：{cause}", f"the file cannot be written: {cause}") from None
        raise
    return file
