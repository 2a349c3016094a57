"""What a poll leaves behind in the book-keeping of its source. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from feedwatch.canonical import body_digest
from feedwatch.differ.diff import Diff
from feedwatch.model import Failure, Fetched, NotModified, PollState, Reading, Source, SourceReport
from feedwatch.poller import moves, schedule
from feedwatch.poller.rhythm import rhythm


@dataclass(frozen=True, slots=True)
class Recorded:
    """A body whose entries are committed."""

    fetched: Fetched
    reading: Reading
    diff: Diff


Result = Recorded | NotModified | Failure


def report(source: Source, state: PollState, result: Result) -> SourceReport:
    """What the poll came to, for people and programs."""
    match result:
        case Failure():
            return SourceReport(source.id, "failed", result.http_status, error=result.detail)
        case NotModified():
            return SourceReport(source.id, "unchanged", result.status, state.entries)
        case Recorded(fetched, reading, found):
            return SourceReport(
                source.id,
                "ok",
                fetched.status,
                len(reading.entries),
                found.changes,
                found.discovered,
                notes=(*reading.notes, *found.notes),
            )


def after(source: Source, state: PollState, result: Result, now: datetime) -> PollState:
    """The poll state to keep. A failure leaves validators and digest as they were: they still vouch for
    what is stored, and never for the body that failed."""
    told = report(source, state, result)
    failure = result if isinstance(result, Failure) else None
    state = replace(
        state,
        last_poll=now,
        status=told.status,
        http_status=told.http_status,
        error=told.error,
        not_before=now + failure.retry_after if failure and failure.retry_after else None,
        gone=failure is not None and failure.kind == "gone",
        failures=state.failures + 1 if failure else 0,
    )
    fresh = None
    match result:
        case NotModified(url=url, validators=validators, trail=trail):
            state = replace(
                state,
                last_success=now,
                validators={**state.validators, url: validators},
                not_modified=state.not_modified + (result.status == 304),
            )
            state = moves.followed(state, trail.home, trail.permanent, trusted=True, now=now)
            fresh = trail.fresh
        case Recorded(fetched, reading, found):
            trail = fetched.trail
            unknown = found.discovered + sum(change.kind == "new" for change in found.changes)
            trusted = unknown < len(reading.entries) and state.kind in (None, reading.kind)
            state = moves.followed(state, trail.home, trail.permanent, trusted=trusted, now=now)
            state = replace(
                state,
                last_success=now,
                validators={fetched.url: fetched.validators},
                body_digest=body_digest(fetched.body),
                entries=told.entries,
                kind=reading.kind,
                pace=reading.pace,
                rhythm=rhythm(reading.entries, now),
                rule=reading.rule,
                next_page=reading.next_page,
            )
            fresh = trail.fresh
    when, set_by = schedule.next_poll(source, state, failure, now, fresh=fresh)
    return replace(state, next_poll=when, set_by=set_by)
