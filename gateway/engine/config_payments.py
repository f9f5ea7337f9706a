"""`payments.yaml` and `people.yaml`: read where they are there; absent, there is no payments desk."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.books.people import Person
from gateway.engine.config_books import known_partner, once, read_book
from gateway.engine.config_problem import Place, Problem
from gateway.engine.config_read import Draft
from gateway.engine.config_yaml import Document
from gateway.engine.house import PAYMENTS
from gateway.payments.operations import OPERATIONS
from gateway.payments.settings import AccountSettings, PaymentsSettings, PeopleSettings

FILE, PEOPLE = "payments.yaml", "people.yaml"
_SUBMITTED = "payment.batch.submitted.v1"


def read_payments(draft: Draft) -> None:
    """Both files."""
    draft.payments = read_book(draft, FILE, PaymentsSettings)
    if draft.payments is not None:
        draft.house[PAYMENTS] = OPERATIONS
        once(draft.documents[FILE], "accounts", [a.name for a in draft.payments.accounts])
    people = read_book(draft, PEOPLE, PeopleSettings)
    if people is not None:
        once(draft.documents[PEOPLE], "people", [p.name for p in people.people])
        _own_keys(draft.documents[PEOPLE], people)
        draft.people = tuple(Person(p.name, p.title, p.key, frozenset(p.may)) for p in people.people)


def _own_keys(document: Document, settings: PeopleSettings) -> None:
    """With one key for two, nobody could tell who released what."""
    seen: dict[str, str] = {}
    for index, person in enumerate(settings.people):
        first = seen.setdefault(person.key, person.name)
        if first != person.name:
            zh, en = f"与 {first} 的公钥相同", f"the same key as {first!r}"
            document.add(("people", index, "key"), "各人自己的密钥 / a key of one's own", zh, en)


def check_payments(draft: Draft) -> None:
    """Banks and proposers must be partners that can do their part."""
    if draft.payments is None or draft.unreadable_partners:
        return
    document = draft.documents[FILE]
    for index, account in enumerate(draft.payments.accounts):
        place: Place = ("accounts", index)
        _bank(draft, document, place, account)
        for number, name in enumerate(account.proposers):
            known_partner(draft, document, (*place, "proposers", number), name)


def _bank(draft: Draft, document: Document, place: Place, account: AccountSettings) -> None:
    if not known_partner(draft, document, (*place, "bank"), account.bank):
        return
    [bank] = [p for p in draft.partners if p.base.name == account.bank]
    if bank.operations is None:
        return
    takes = [o for o in bank.operations if o.direction == "out" and o.request == _SUBMITTED]
    if not takes:
        zh, en = f"伙伴 {account.bank} 不能接收批次", f"partner {account.bank!r} takes no batches"
        document.add((*place, "bank"), _SUBMITTED, zh, en)
    elif takes[0].on_unknown == "resend":
        document.add(
            (*place, "bank"),
            "query、manual",
            f"{account.bank} 的操作 {takes[0].name} 结果不明时会重发，批次可能付两次",
            f"operation {takes[0].name} of {account.bank!r} is sent again where its outcome is unknown: paid twice",
        )


def notes(draft: Draft) -> Iterator[Problem]:
    """What nobody is there to do."""
    if draft.payments is None:
        return
    held = {right for person in draft.people for right in person.may}
    lacking = [right for right in ("payment.approve", "batch.build", "batch.release") if right not in held]
    if lacking:
        name = PEOPLE if PEOPLE in draft.documents else FILE
        yield Problem(
            name,
            1,
            "",
            PEOPLE,
            f"没有人可以 {'、'.join(lacking)}：见 gateway person new 与 people.yaml",
            f"nobody may {', '.join(lacking)}: see gateway person new, and people.yaml",
        )
