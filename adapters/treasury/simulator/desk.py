"""What all business at the centre needs: its books, its post, and how a question is noted, answered, answered again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from adapters.treasury.simulator.books import Books, Question
from adapters.treasury.simulator.documents import REFUSED, Document, Value, Wrong
from adapters.treasury.simulator.post import Post


class Desk:
    """Of the centre.

    Args:
        banks: nodes of banks, which are their clearing numbers (付款行行号) as well.
    """

    def __init__(self, books: Books, post: Post, banks: frozenset[str]) -> None:
        self.books = books
        self.post = post
        self.banks = banks

    def check_day(self, entrusted_on: str) -> None:
        """Raises Wrong where new business is not of the working day."""
        if entrusted_on != self.books.work_date:
            raise Wrong(REFUSED, "委托日期不是当前工作日")

    def note(self, asked: Document, sender: str, day: str, serial: str, own: str = "") -> Question:
        """A new question is in process now."""
        question = Question(
            number=asked.number,
            sender=sender,
            day=day,
            serial=serial,
            node=asked.source,
            id=asked.id,
            own=own,
        )
        self.books.ask(question)
        return question

    async def answer(self, question: Question, number: str, body: Mapping[str, Value]) -> None:
        """Answers a question, now and whenever it is asked again."""
        self.books.answer(question, number, body)
        await self.post.send(question.node, number, body, question.id)

    async def repeat(self, question: Question, node: str, reference: str) -> None:
        """The same answer once more."""
        await self.post.send(node, question.answer_number, json.loads(question.answer), reference)
