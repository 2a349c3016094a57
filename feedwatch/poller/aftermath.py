"""What a poll leaves behind in the book-keeping of its source. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.canonical import body_digest
from feedwatch.differ.diff import Diff
from feedwatch.differ.trust import filled
from feedwatch.model import (
    READING_VERSION,
    Failure,
    Fetched,
    NotModified,
    PollState,
    Reading,
    Selectors,
    Source,
    SourceReport,
    Way,
)
from feedwatch.poller import moves, schedule
from feedwatch.poller.rhythm import rhythm


class Recorded(Struct, frozen=True):
    """A body whose entries are committed."""

    fetched: Fetched
    reading: Reading
    diff: Diff
    #: Most of its entries are unknown at every reading.
    rushing: bool = False
    #: Requests beside those of the poll itself, and bytes of their bodies.
    requests: int = 0
    received: int = 0
    #: What it was read with, where that is not what the configuration says.
    healed: Selectors | None = None


class Repeated(Struct, frozen=True):
    """The source says what it said last time, and what was missing then is missing once more."""

    answer: NotModified
    diff: Diff


Result = Recorded | Repeated | NotModified | Failure


def report(source: Source, state: PollState, result: Result) -> SourceReport:
    """What the poll came to, for people and programs."""
    match result:
        case Failure():
            status: Literal["failed", "quarantined"] = "quarantined" if result.quarantine else "failed"
            return SourceReport(source.id, status, result.http_status, error=result.detail)
        case Repeated(answer, found):
            same = SourceReport(source.id, "unchanged", answer.status, state.entries, found.changes)
            return replace(same, way=_unread(answer))
        case NotModified():
            return SourceReport(source.id, "unchanged", result.status, state.entries, way=_unread(result))
        case Recorded(fetched, reading, found):
            return SourceReport(
                source.id,
                "ok",
                fetched.status,
                len(reading.entries),
                found.changes,
                found.discovered,
                notes=(*reading.notes, *found.notes),
                way=reading.way,
            )


def _unread(answer: NotModified) -> Way:
    return "not-modified" if answer.status == 304 else "same-bytes"


def after(
    source: Source, state: PollState, result: Result, now: datetime, *, requests: int = 0, received: int = 0
) -> PollState:
    """The poll state to keep, with so many requests and bytes received more. A failure leaves validators and digest as
    they were: they still vouch for what is stored, and never for the body that failed."""
    told = report(source, state, result)
    failure = result if isinstance(result, Failure) else None
    quarantine = failure.quarantine or state.quarantine if failure else None
    fresh = None
    match result:
        case Failure():
            state = replace(state, failures=0 if result.quarantine else state.failures + 1)
        case Repeated(answer, found):
            state, fresh = _confirmed(replace(state, missing=found.missing), answer, now), answer.trail.fresh
        case NotModified():
            state, fresh = _confirmed(state, result, now), result.trail.fresh
        case Recorded():
            state, fresh = _read(state, result, now), result.fetched.trail.fresh
    # What is doubted is asked for again at the usual pace: later polls have to agree, or not.
    failed = None if failure and failure.quarantine else failure
    when, set_by = schedule.next_poll(source, state, failed, now, fresh=fresh)
    return replace(
        state,
        last_poll=now,
        status=told.status,
        http_status=told.http_status,
        error=told.error,
        not_before=now + failure.retry_after if failure and failure.retry_after else None,
        gone=failure is not None and failure.kind == "gone",
        quarantine=quarantine,
        requests=state.requests + requests,
        received=state.received + received,
        next_poll=when,
        set_by=set_by,
    )


def _confirmed(state: PollState, answer: NotModified, now: datetime) -> PollState:
    """After the source said what it said before."""
    state = replace(
        state,
        last_success=now,
        last_full=now if answer.status == 200 else state.last_full,
        validators={**state.validators, answer.url: answer.validators},
        not_modified=state.not_modified + (answer.status == 304),
        accepted=False,
        failures=0,
    )
    return moves.followed(state, answer.trail.home, answer.trail.permanent, trusted=True, now=now)


def _read(state: PollState, result: Recorded, now: datetime) -> PollState:
    """After a reading was taken in."""
    fetched, reading, found = result.fetched, result.reading, result.diff
    unknown = found.discovered + sum(change.kind == "new" for change in found.changes)
    trusted = unknown < len(reading.entries) and state.kind in (None, reading.kind)
    state = moves.followed(state, fetched.trail.home, fetched.trail.permanent, trusted=trusted, now=now)
    return replace(
        state,
        last_success=now,
        last_full=now,
        validators={fetched.url: fetched.validators},
        body_digest=body_digest(fetched.body),
        entries=len(reading.entries),
        kind=reading.kind,
        pace=reading.pace,
        rhythm=rhythm(reading.entries, now),
        # The rule that finds nothing now may find all again.
        rule=state.rule if result.healed else reading.rule,
        healed=result.healed,
        filled=filled(reading.entries),
        next_page=reading.next_page,
        read_as=READING_VERSION,
        rushing=result.rushing,
        missing=found.missing,
        accepted=False,
        restored=False,
        failures=0,
    )
