"""How the command line says that something is not possible."""

from __future__ import annotations

import pytest

from gateway.cli.output import Exit, report
from gateway.contract import Unavailable
from gateway.desk.refused import (
    Changed,
    NeedsConfirmation,
    NotPossible,
    SeveralDeliveries,
    SeveralMessages,
)
from gateway.store import open_reader
from tests.cli.conftest import Stocked


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (NotPossible("不行", "no"), Exit.PROBLEM, "不行 / no\n"),
        (Changed("变了", "changed"), Exit.UNAVAILABLE, "变了 / changed\n"),
        (Unavailable("稍后", "later"), Exit.UNAVAILABLE, "稍后 / later\n"),
        (
            NeedsConfirmation("注意", "mind"),
            Exit.USAGE,
            "注意。确认请加 --confirm / mind. To go on add --confirm\n",
        ),
        (
            SeveralDeliveries("a: 投递失败 dead"),
            Exit.PROBLEM,
            "不止一笔投递，请用 --partner 指明：a: 投递失败 dead / name one by --partner: a: 投递失败 dead\n",
        ),
    ],
)
def test_each_has_its_exit_code(
    error: Exception, code: Exit, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) is code
    assert capsys.readouterr() == ("", text)


def test_candidates_are_listed(stocked: Stocked, capsys: pytest.CaptureFixture[str]) -> None:
    with open_reader(stocked.configuration.gateway.store) as reader:
        message = reader.message(stocked.message_id)
    assert message is not None
    assert report(SeveralMessages([message, message])) is Exit.PROBLEM
    said = capsys.readouterr()
    assert said.out.count(stocked.message_id) == 2
    assert said.out.splitlines()[0].endswith(message.type)
    assert said.err == "不止一条，请用标识指明 / more than one: name it by its id\n"


def test_what_was_not_raised_on_purpose_is_not_explained() -> None:
    assert report(KeyError("x")) is None
