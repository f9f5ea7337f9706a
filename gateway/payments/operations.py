"""What the payments desk takes. Apart from the desk, because routes are checked where there is none."""

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
    _operation("propose", "登记明细", "take items in", "payment.batch.submitted.v1"),
    _operation("book-results", "登记回盘", "book results", "payment.batch.returned.v1"),
    _operation("book-status", "登记批次状态", "book a status report", "payment.status.reported.v1"),
    _operation("book-entries", "登记账户动账", "book entries", "account.entries.notified.v1"),
    _operation("book-statement", "登记对账单", "book a statement", "account.statement.reported.v1"),
    _operation("reconcile", "日终对账", "compare a day", "payment.reconciliation.reported.v1"),
    _operation(
        "book-verification", "登记账户核验", "book verified accounts", "account.verification.answered.v1"
    ),
)
