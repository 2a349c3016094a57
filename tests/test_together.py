"""Commits that become durable together: what was answered is kept, whatever fails on the way."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from make import CATEGORIES, NOW, History, commit, entry

from feedwatch import failpoints, storethread
from feedwatch.errors import StoreError
from feedwatch.model import PollState
from feedwatch.store import Unpublished
from feedwatch.store.tinydb import TinyStore
from feedwatch.storethread import StoreThread

SOURCES = ("blog", "diary", "news")


@pytest.fixture(autouse=True)
def _disarmed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What is done together is cut off after so long; a slow machine must not decide what a step is.
    monkeypatch.setattr(storethread, "_TOGETHER", 60.0)
    monkeypatch.setattr(storethread, "_DURABLE", 60.0)
    yield
    failpoints.arm(0, _broken)


def _broken(name: str) -> None:
    raise OSError(errno.EIO, f"the disk failed at {name}")


def opened(folder: Path, *, read_only: bool = False) -> TinyStore:
    return TinyStore(folder, SOURCES, CATEGORIES, stamp="then", read_only=read_only)


async def all_at_once(store: TinyStore, number: int, step: int) -> dict[str, object]:
    """What became of one commit a source, made durable together, while the disk fails at the `step`-th step
    (0: never)."""
    thread, all_asked = StoreThread(store), threading.Event()
    commits = [commit(History(source).reads(entry(number)), source_id=source) for source in SOURCES]
    # While the thread waits none of them is begun; which are done together must not depend on how threads take turns.
    waiting = asyncio.ensure_future(thread.run(lambda _: all_asked.wait()))
    await asyncio.sleep(0)
    failpoints.arm(step, _broken)
    calls = [asyncio.ensure_future(thread.run(lambda store, one=one: store.commit(one))) for one in commits]  # type: ignore[misc]
    await asyncio.sleep(0)
    all_asked.set()
    await waiting
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    failpoints.arm(0, _broken)
    thread.close()
    return dict(zip(SOURCES, outcomes, strict=True))


def test_what_was_answered_is_kept_at_whatever_step_the_disk_fails(tmp_path: Path) -> None:
    failed = 0
    for step in range(1, 100):
        folder = tmp_path / str(step)
        store = opened(folder)
        outcomes = asyncio.run(all_at_once(store, 1, step))
        known = {source: set(opened(folder, read_only=True).known(source).entries) for source in SOURCES}

        assert {source for source, outcome in outcomes.items() if outcome is None} <= {s for s in SOURCES if known[s]}
        assert all(isinstance(outcome, StoreError | OSError) for outcome in outcomes.values() if outcome is not None)
        # What is in memory is what is on the disk.
        assert {source: set(store.known(source).entries) for source in SOURCES} == known
        store._lock.close()
        if not any(outcomes.values()):
            break
        failed += 1
    assert 5 < failed < 90


def test_feeds_name_no_entry_that_was_not_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    asyncio.run(all_at_once(store, 1, 0))
    steps = failpoints.hits()
    for step in range(1, steps + 1):
        asyncio.run(all_at_once(store, step + 1, step))
        kept = {key for source in SOURCES for key in store.known(source).entries}

        store.unpublished()
        assert {place[1] for place in store.standing("all", 1000)} <= kept
    store._lock.close()


def test_two_commits_of_one_source_at_once_are_both_kept(tmp_path: Path) -> None:
    store, blog = opened(tmp_path), History()
    first, second = commit(blog.reads(entry(1))), commit(blog.reads(entry(2), entry(1)))

    with store.together():
        store.commit(first)
        store.commit(second)

    assert len(opened(tmp_path, read_only=True).known("blog").entries) == 2
    store._lock.close()


def test_a_commit_that_waits_for_the_disk_is_seen_however_much_is_looked_at(tmp_path: Path) -> None:
    others = [f"s{number}" for number in range(40)]
    store = TinyStore(tmp_path, ["blog", *others], CATEGORIES, stamp="then")
    for source in others:
        store.commit(commit(History(source).reads(entry(9)), source_id=source))

    with store.together():
        store.commit(commit(History().reads(entry(1))))
        for source in others:
            store.known(source)
        assert len(store.known("blog").entries) == 1
    assert len(store.known("blog").entries) == 1
    store._lock.close()


def test_after_a_failure_nothing_of_the_batch_is_believed(tmp_path: Path) -> None:
    store, blog = opened(tmp_path), History()
    first, second = commit(blog.reads(entry(1))), commit(blog.reads(entry(2), entry(1)))

    with pytest.raises(StoreError, match="whole"), store.together():  # noqa: PT012  (it is the end of the batch that raises)
        store.commit(first)
        failpoints.arm(1, _broken)
        with contextlib.suppress(StoreError, OSError):
            store.commit(second)
        with contextlib.suppress(StoreError, OSError):
            store.commit(commit(History("news").reads(entry(3)), source_id="news"))

    assert {source: len(store.known(source).entries) for source in SOURCES} == dict.fromkeys(SOURCES, 0)
    store._lock.close()


class _Killed(BaseException):
    """Stands for the end of the process."""


def _kill(name: str) -> None:
    raise _Killed(name)


def test_poll_states_are_written_after_the_entries_they_vouch_for(tmp_path: Path) -> None:
    seen = set()
    for step in range(1, 100):
        store = opened(tmp_path / str(step))
        failpoints.arm(step, _kill)
        try:
            with store.together():
                store.commit(commit(History().reads(entry(1))))
                store.remember("blog", PollState(body_digest="x", last_poll=NOW))
                store.published(Unpublished(frozenset({"all", "data"}), frozenset({"blog"})))
                store.flush()
        except _Killed:
            killed = True
        else:
            killed = False
        failpoints.arm(0, _kill)
        store._lock.close()
        left = opened(tmp_path / str(step), read_only=True)
        seen.add((bool(left.known("blog").entries), left.state("blog").body_digest))
        if not killed:
            break

    assert seen == {(False, None), (True, None), (True, "x")}
