"""What `hub.inquire` found, as the records of the inquiry service. Importing this imports spyne."""

from __future__ import annotations

from typing import Any

from connectors.inquiry import types
from hub.inquire import Case, CaseStatus, Page, Reachable, Seen
from hub.labels import CASE_STEPS, HOPS, STATES, Label, detail_of, said_of
from hub.ledger.ledger import Entry, from_microseconds
from hub.store.trace import StoredDelivery, StoredMessage


def status(found: Seen[StoredDelivery]) -> Any:
    """A StatusResult."""
    return types.STATUS_RESULT(
        sender=found.message.sender,
        messageId=found.message.message_id,
        digest=found.message.digest,
        receivedAt=found.message.received,
        recipients=[_recipient(copy) for copy in found.page.lines],
        more=found.page.more,
    )


def hops(found: Seen[Entry]) -> Any:
    """A TraceResult."""
    return types.TRACE_RESULT(
        sender=found.message.sender,
        messageId=found.message.message_id,
        hops=[_hop(entry) for entry in found.page.lines],
        more=found.page.more,
    )


def messages(found: Page[StoredMessage]) -> Any:
    """A MessagesResult."""
    return types.MESSAGES_RESULT(messages=[_message(one) for one in found.lines], more=found.more)


def case(found: Case) -> Any:
    """A CaseResult."""
    return types.CASE_RESULT(
        status=_case_status(found.status) if found.status else None,
        messages=[_message(one) for one in found.messages.lines],
        more=found.messages.more,
    )


def directory(found: Page[Reachable]) -> Any:
    """A DirectoryResult."""
    return types.DIRECTORY_RESULT(departments=[_department(one) for one in found.lines], more=found.more)


def _recipient(copy: StoredDelivery) -> Any:
    state = STATES[copy.state]
    cause = said_of(copy.cause) if copy.cause else None
    return types.RECIPIENT(
        department=copy.recipient,
        role=str(copy.role),
        state=str(copy.state),
        stateZh=state.zh,
        stateEn=state.en,
        at=copy.done_at,
        attempts=copy.attempts,
        cause=copy.cause or None,
        causeZh=cause.zh if cause else None,
        causeEn=cause.en if cause else None,
    )


def _hop(entry: Entry) -> Any:
    label = HOPS[entry.kind]
    detail = detail_of(entry.detail) if entry.detail else None
    return types.HOP(
        at=from_microseconds(entry.time_us),
        kind=str(entry.kind),
        zh=label.zh,
        en=label.en,
        source=entry.source or None,
        target=entry.target or None,
        detail=entry.detail or None,
        detailZh=detail.zh if detail else None,
        detailEn=detail.en if detail else None,
        node=entry.node,
        sequence=entry.sequence,
    )


def _message(one: StoredMessage) -> Any:
    return types.MESSAGE(
        sender=one.sender,
        messageId=one.message_id,
        type=one.type,
        documentNumber=one.document_number,
        caseNumber=one.case_number,
        inReplyTo=one.in_reply_to,
        receivedAt=one.received,
        digest=one.digest,
    )


def _case_status(found: CaseStatus) -> Any:
    label = CASE_STEPS.get(found.step, Label(found.step, found.step))
    return types.CASE_STATUS(
        step=found.step,
        zh=label.zh,
        en=label.en,
        state=found.state or None,
        at=found.at,
        department=found.department,
        messageId=found.message_id,
    )


def _department(one: Reachable) -> Any:
    return types.DEPARTMENT(
        code=one.department.code,
        name=one.department.name,
        division=one.department.division,
        level=one.department.level,
        types=list(one.types),
    )
