"""What people decide about payments and levies next, and the command by which they do: each of them signs with a key of their own,
which is on their computer and nowhere in the gateway."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from gateway.engine.config import Configuration
from gateway.payments.lifecycle import AGAIN, APPROVED, BUILT, PROPOSED, WITHDRAWABLE
from gateway.store.levies import DifferenceRow as LevyDifferenceRow
from gateway.store.payments import BatchRow, DifferenceRow, ItemRow, ProposalRow
from gateway.store.payments_sums import Share

_WHY: Final = "原因"


@dataclass(frozen=True, slots=True)
class Act:
    """Something to decide.

    Attributes:
        command: the command line, for the first of `people`; None where nobody may do it now.
        people: who may, as `people.yaml` names them.
        hint_zh, hint_en: what to know before.
    """

    zh: str
    en: str
    command: str | None
    people: tuple[str, ...]
    hint_zh: str = ""
    hint_en: str = ""


class Guide:
    """Writes the commands for one reader.

    Args:
        first: a name that is taken where it may do the act: the reader's own.
    """

    def __init__(self, configuration: Configuration, first: str = "") -> None:
        self._configuration = configuration
        self._first = first

    def of_account(self, share: Share) -> list[Act]:
        """What can be done with what waits on an account."""
        if share.state == PROPOSED:
            return [self._approve(share.account, "--account", share.account)]
        if share.state != APPROVED:
            return []
        words = ("batch", "build", share.account, "--kind", share.kind)
        act = self._act("组批", "build batches", "batch.build", words, "此时尚未发出", "nothing is sent yet")
        return [act]

    def of_proposal(self, row: ProposalRow, states: Collection[str]) -> list[Act]:
        """What can be done with the items of a file that stand in these states."""
        return [self._approve(row.account, "--proposal", row.message_id)] if PROPOSED in states else []

    def _approve(self, account: str, *which: str) -> Act:
        zh = "先显示笔数与合计，核对后加 --confirm 再执行；审批人不得再放行含这些明细的批次"
        en = "shows count and sum first; check them, then add --confirm; who approves cannot release"
        if self._verified_first(account):
            zh += f"。须先请银行核验：gateway payment verify-accounts {account}"
            en += f". The bank verifies the accounts before: gateway payment verify-accounts {account}"
        words = ("payment", "approve", *which)
        return self._act("审批待审批明细", "approve what waits", "payment.approve", words, zh, en)

    def _verified_first(self, account: str) -> bool:
        settings = self._configuration.payments
        accounts = () if settings is None else settings.accounts
        return any(one.require_verified for one in accounts if one.name == account)

    def of_batch(
        self, row: BatchRow, approvers: Collection[str], disputed: Collection[int], again: int
    ) -> list[Act]:
        """What can be done with a batch.

        Args:
            approvers: who approved items of it.
            disputed: open differences about it: nothing of it is paid, or proposed anew, before they are closed.
            again: how many items of it may be proposed anew.
        """
        if row.state == BUILT:
            return [self._release(row, {row.built_by, *approvers}, disputed), self._cancel(row)]
        return [self._again(row, disputed, again)] if again else []

    def _again(self, row: BatchRow, disputed: Collection[int], again: int) -> Act:
        zh, en = (
            f"把失败、退票的 {again} 笔重新提出",
            f"propose the {again} items anew that were refused or came back",
        )
        if disputed:
            return _clear_first(zh, en, disputed)
        words = ("payment", "again", "--batch", row.id, "--suffix", "-2", "--reason", _WHY)
        hints = (
            "先确认提出单位不再自行提出，否则会付两次；核对后加 --confirm",
            "make sure that the agency does not propose them again, too; check the sum, then add --confirm",
        )
        return self._act(zh, en, "payment.approve", words, *hints)

    def _release(self, row: BatchRow, involved: Collection[str], disputed: Collection[int]) -> Act:
        zh, en = "放行，发往银行", "release it to the bank"
        if disputed:
            return _clear_first(zh, en, disputed)
        hints = (
            "放行人须既未组批、也未审批其中任何明细；先显示合计，核对后加 --confirm，此后不能撤回",
            "by a person who neither built it nor approved any of it; check the sum, then add --confirm: there is no way back",
        )
        return self._act(zh, en, "batch.release", ("batch", "release", row.id), *hints, without=involved)

    def _cancel(self, row: BatchRow) -> Act:
        words = ("batch", "cancel", row.id, "--reason", _WHY)
        hints = (
            "明细回到已审批；核对后加 --confirm",
            "its items stay approved; check it, then add --confirm",
        )
        return self._act("作废批次", "cancel the batch", "batch.cancel", words, *hints)

    def of_item(self, row: ItemRow, replaced: str | None, disputed: Collection[int]) -> list[Act]:
        """What can be done with one item; `replaced`: the item as which it was proposed anew."""
        acts = []
        if row.state == PROPOSED:
            acts.append(self._approve(row.account, row.id))
        if row.state in WITHDRAWABLE:
            words = ("payment", "withdraw", row.id, "--reason", _WHY)
            hints = (
                "撤回后不再支付；核对后加 --confirm",
                "it will not be paid; check it, then add --confirm",
            )
            acts.append(self._act("撤回这一笔", "withdraw it", "payment.approve", words, *hints))
        if row.state in AGAIN and replaced is None and not disputed:
            anew = ("payment", "again", row.id, "--reference", f"{row.end_to_end_id}-2", "--reason", _WHY)
            acts.append(
                self._act(
                    "按原内容重新提出",
                    "propose it anew with the same content",
                    "payment.approve",
                    anew,
                    "只能一次；先确认提出单位不再自行提出，否则会付两次；核对后加 --confirm",
                    "once only; make sure that the agency does not propose it again, too; then add --confirm",
                )
            )
        return acts

    def of_difference(self, row: DifferenceRow) -> list[Act]:
        """How an open difference is closed."""
        return self._closing(row, "payment", "difference.close")

    def of_levy_difference(self, row: LevyDifferenceRow) -> list[Act]:
        """The same for one with the treasury network."""
        return self._closing(row, "levy", "levy.close-difference")

    def _closing(self, row: DifferenceRow | LevyDifferenceRow, book: str, right: str) -> list[Act]:
        if row.closed_at is not None:
            return []
        words = (book, "close-difference", str(row.n), "--reason", _WHY)
        hints = "写明查明的原因", "say why"
        return [self._act("查明后关闭", "close it once it is explained", right, words, *hints)]

    def _act(
        self,
        zh: str,
        en: str,
        right: str,
        words: Iterable[str],
        hint_zh: str,
        hint_en: str,
        *,
        without: Collection[str] = (),
    ) -> Act:
        may = [person.name for person in self._configuration.people if right in person.may]
        people = tuple(
            sorted((name for name in may if name not in without), key=lambda name: name != self._first)
        )
        if not people:
            return Act(
                zh,
                en,
                None,
                (),
                f"people.yaml 中没有可以做此事（{right}）的{'其他' if may else ''}人员",
                f"nobody {'else ' if may else ''}in people.yaml may do it ({right})",
            )
        line = ["gateway", *words, "--as", people[0], "--key", f"{people[0]}.key"]
        line += ["--config", str(self._configuration.folder)]
        return Act(zh, en, shlex.join(line), people, hint_zh, hint_en)


def _clear_first(zh: str, en: str, disputed: Collection[int]) -> Act:
    numbers = "、".join(map(str, disputed))
    return Act(
        zh,
        en,
        None,
        (),
        f"有未关闭的差异 {numbers}，可能已经付过：先查明并关闭",
        f"differences {numbers} are open, so it may be paid already: close them first",
    )
