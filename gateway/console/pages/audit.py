"""The audit log: how it stands, what it holds, the verification of all of it, and evidence to hand out."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.audit import AuditError, Entry
from gateway.books.people import Signed, verify
from gateway.console.accounts import Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission
from gateway.console.room import Room
from gateway.console.web import needs, page, room_of
from gateway.contract import Unavailable
from gateway.desk import auditing, evidence
from gateway.desk.events import EVENTS
from gateway.desk.locating import locate
from gateway.desk.lookup import the_message
from gateway.desk.proving import trail_of
from gateway.desk.refused import NotPossible
from gateway.store import reads

router = APIRouter()
Auditor = Annotated[Visit, needs(Permission.AUDIT)]
Here = Annotated[Room, Depends(room_of)]
Index = Annotated[int, Path(ge=0, le=1 << 53)]
_SAID: Final = {
    "running": ("warn", "验证正在进行，请等它结束", "a verification is running: let it end first"),
}


@router.get("/audit")
def overview(
    request: Request,
    _: Auditor,
    room: Here,
    event: str = "",
    actor: str = "",
    before: Annotated[int | None, Query(ge=0, le=1 << 53)] = None,
    said: str = "",
) -> HTMLResponse:
    """How the log stands, and its newest entries."""
    event, actor = event.strip(), actor.strip()
    with room.reader() as reader:
        look = auditing.look_back(reader, before=before, event=event, actor=actor)
        try:
            state, trouble = auditing.state_of(room.configuration, reader), None
        except Unavailable as error:
            state, trouble = None, (error.zh, error.en)
        except AuditError as error:
            state, trouble = None, auditing.words_of(error)
    return page(
        request,
        "audit.html",
        state=state,
        trouble=trouble,
        look=look,
        altered=auditing.altered(room.configuration, ((one.index, one.data) for one in look.found)),
        event=event,
        actor=actor,
        newest=before is None,
        far=auditing.FAR,
        events=EVENTS,
        check=room.check.last(),
        said=_SAID.get(said),
    )


@router.get("/live/audit/check")
def check(request: Request, _: Auditor, room: Here) -> HTMLResponse:
    """The verification that runs, or ended last."""
    return page(request, "audit_check.html", check=room.check.last())


@router.post("/audit/verify")
def verify_log(_: Auditor, room: Here) -> Response:
    """Begins the verification of the whole log."""
    try:
        vkeys = auditing.vkeys_of(room.configuration)
    except AuditError as error:
        raise Refused(*auditing.words_of(error)) from None
    begun = room.check.start(room.configuration.audit_folder, "\n".join(vkeys))
    return RedirectResponse("/audit" if begun else "/audit?said=running", 303)


@router.get("/audit/entries/{index}")
def entry(request: Request, _: Auditor, room: Here, index: Index) -> HTMLResponse:
    """One entry, with the proof that it is in the log."""
    with room.reader() as reader:
        try:
            located = locate(room.configuration, reader, index)
        except NotPossible as error:
            raise Refused(error.zh, error.en, 404) from None
        except AuditError as error:
            raise Refused(*auditing.words_of(error)) from None
        size = reader.ask(reads.audit_size)
    return page(
        request,
        "audit_entry.html",
        one=located,
        more=index + 1 < size,
        text=located.data.decode("utf-8", "replace"),
        signature=_signature(room, located.entry),
    )


def _signature(room: Room, found: Entry | None) -> tuple[str, bool | None] | None:
    """(person, whether the signature is that person's; None: not in people.yaml) of an entry that somebody signed."""
    detail: dict[str, Any] = {} if found is None else found.detail or {}
    if not {"person", "statement", "signature"} <= detail.keys():
        return None
    signed = Signed(str(detail["person"]), str(detail["statement"]), str(detail["signature"]))
    key = next((one.key for one in room.configuration.people if one.name == signed.person), None)
    return signed.person, None if key is None else verify(signed, key)


@router.get("/audit/messages")
def find(_: Auditor, room: Here, text: str = "") -> Response:
    """To the trail of the message, reply or refusal that somebody looks for by any of its numbers."""
    wanted = text.strip()
    with room.reader() as reader:
        try:
            found = wanted if wanted and reader.audit_of(wanted) else the_message(reader, wanted)
        except NotPossible as error:
            raise Refused(error.zh, error.en, 404) from None
    return RedirectResponse(f"/audit/messages/{quote(found, safe='')}", 303)


@router.get("/audit/messages/{identifier}")
def message(request: Request, _: Auditor, room: Here, identifier: str) -> HTMLResponse:
    """Everything recorded about a message, a reply or a refusal."""
    with room.reader() as reader:
        try:
            trail = trail_of(reader, identifier)
        except NotPossible as error:
            raise Refused(error.zh, error.en, 404) from None
        known = reader.message(trail.about) is not None
    logged = ((one.index, one.data) for one in trail.entries if one.index is not None)
    altered = auditing.altered(room.configuration, logged)
    return page(
        request, "audit_message.html", trail=trail, identifier=identifier, known=known, altered=altered
    )


@router.post("/audit/messages/{identifier}/evidence")
def give(visit: Auditor, room: Here, identifier: str, kind: Annotated[str, Form()] = "") -> Response:
    """The receipt, or the evidence package, as a file; on record before it is given."""
    make = {"receipt": evidence.receipt, "package": evidence.package}.get(kind)
    if make is None:
        raise Refused("请选择存证回执或存证包", "choose the receipt or the evidence package", 400)
    try:
        given = make(room.configuration, identifier, f"console:{visit.name}")
    except NotPossible as error:
        raise Refused(error.zh, error.en) from None
    except AuditError as error:
        raise Refused(*auditing.words_of(error)) from None
    return Response(
        given.data,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{given.name}"'},
    )
