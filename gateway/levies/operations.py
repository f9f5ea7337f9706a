"""What the book of levies takes. Apart from the desk, because routes are checked where there is none."""

from __future__ import annotations

from typing import Final

from gateway.contract import Operation, Title


def _operation(name: str, zh: str, en: str, request: str) -> Operation:
    return Operation(
        name=name,
        title=Title(zh=zh, en=en),
        direction="out",
        request=request,
        style="one-way",
        on_unknown="resend",  # booking the same message again books nothing
    )


OPERATIONS: Final = (
    _operation("register", "登记批量扣款", "register a file of debits", "levy.batch.submitted.v1"),
    _operation("register-single", "登记实时扣款", "register a real-time debit", "levy.debit.asked.v1"),
    _operation("book-answer", "登记扣款回执", "book an answer", "levy.debit.answered.v1"),
    _operation("book-reversal", "登记冲正回执", "book a reversal", "levy.reversal.answered.v1"),
    _operation("book-return", "登记批量回执", "book the results of a package", "levy.batch.returned.v1"),
    _operation("book-agreement", "登记三方协议", "book an agreement", "levy.agreement.answered.v1"),
    _operation("book-day", "登记日切", "book a new working day", "levy.working_day.changed.v1"),
    _operation("check-day", "日终核对", "compare a day", "levy.day.checked.v1"),
)
