"""The process ends at every counted I/O step of poll → store → feed → send → settle, and nothing is lost.

Each step runs in a forked child that leaves with `os._exit` right before it, as `kill -9` would; besides, it is
killed at random moments. Then clean rounds run, and the invariants must hold: the store opens, every change
reached each receiver (webhook, digest, mail), under one id and with the same bytes each time, and the feeds show
what the store knows.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import feedparser
import pytest
from mailserver import Inbox, taking_mail
from origin import Origin

from feedwatch import config as configuration
from feedwatch import failpoints, readers
from feedwatch.app import open_app
from feedwatch.errors import ReadError
from feedwatch.model import Failure, Fetched, Reading, Source

pytestmark = pytest.mark.slow

START = datetime(2024, 11, 1, tzinfo=UTC)
CRASHED = 137

FEED = """<rss version="2.0"><channel><title>T</title>{items}</channel></rss>"""
ITEM = "<item><guid>tag:x,{n}</guid><title>{title}</title><category>{category}</category></item>"


class Inline:
    """Reads in this process: the worker pool has threads, and threads do not survive a fork."""

    async def read(
        self, fetched: Fetched, source: Source, now: datetime, rule: tuple[str, ...] = ()
    ) -> Reading | Failure:
        try:
            return readers.read(
                fetched.body, url=fetched.url, headers=fetched.headers, source=source, now=now, rule=rule
            )
        except ReadError as error:
            return Failure(error.kind, str(error))


def _round(folder: Path, when: datetime) -> None:
    async def work() -> None:
        config = configuration.load(folder / "config.toml", {})
        async with open_app(config, folder / "state", clock=lambda: when, reader=Inline()) as app:
            for source in config.sources:
                await app.pipeline.poll(source)
            await app.pipeline.publish()
            await app.pipeline.deliver()

    asyncio.run(work())


def _crashing_round(folder: Path, when: datetime, step: int) -> bool:
    """Whether the round ended at `step`; False when it has fewer steps."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            failpoints.arm(step, lambda _: os._exit(CRASHED))
            _round(folder, when)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, CRASHED)
    return status == CRASHED


def _items(*rows: tuple[int, str, str]) -> bytes:
    return FEED.format(items="".join(ITEM.format(n=n, title=t, category=c) for n, t, c in rows)).encode()


BEFORE = _items((1, "One", "Data"), (2, "Two", "Data"), (3, "Three", "Design"))
AFTER = _items((4, "Four", "Data"), (1, "One, edited", "Data"), (2, "Two", "Design"), (3, "Three", "Design"))
EXPECTED = Counter({("entry.new", "tag:x,4"): 1, ("entry.edited", "tag:x,1"): 1, ("entry.recategorised", "tag:x,2"): 1})


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with taking_mail() as taking:
        yield taking


@pytest.fixture
def prepared(tmp_path: Path, origin: Origin, inbox: Inbox) -> Path:
    """A folder with one round done, and the changed feed waiting."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    (folder / "config.toml").write_text(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "feed"\nurl = "{origin.url}/feed"\n'
        '[[source]]\nid = "page"\nurl = "page.html"\nlink_base = "https://example.org/"\n'
        '[source.select]\nentry = "article"\ncategory = ".tag"\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
        'when = ["new", "edited", "recategorised"]\n'
        f'[[alert]]\nid = "digest"\nwebhook = "{origin.url}/digest"\ndigest = "hourly"\n'
        f'[[alert]]\nid = "mail"\nmail = ["a@example.org", "b@example.org"]\n'
        f'[mail]\nserver = "127.0.0.1:{inbox.port}"\nsecurity = "none"\nfrom = "feedwatch@example.org"\n'
    )
    (folder / "page.html").write_text("<article><h2><a href='/a'>A page</a></h2><p class='tag'>Data</p></article>")
    origin.serve("/feed", body=BEFORE, headers={"ETag": '"1"'})
    origin.serve("/hook", status=200)
    origin.serve("/digest", status=200)
    _round(folder, START)
    assert [r for r in origin.requests if r.method == "POST"] == []
    origin.serve("/feed", body=AFTER, headers={"ETag": '"2"'})
    return folder


def _check(folder: Path, origin: Origin, inbox: Inbox, clean: dict[str, bytes]) -> None:
    """After the digest's hour has come, too."""
    _round(folder, DIGEST)
    events: dict[str, tuple[str, str]] = {}
    digests: dict[str, bytes] = {}
    for request in origin.requests:
        if request.method != "POST":
            continue
        if request.path == "/digest":
            assert digests.setdefault(request.headers["webhook-id"], request.body) == request.body
            continue
        event = json.loads(request.body)
        what = (event["type"], event["data"]["entry"]["id"])
        assert events.setdefault(request.headers["webhook-id"], what) == what
    assert Counter(events.values()) == EXPECTED
    (digest,) = [json.loads(body) for body in digests.values()]
    assert sorted(event["type"] for event in digest["data"]["events"]) == ["entry.edited", "entry.new"]
    _check_mails(inbox)
    assert _feeds(folder) == clean
    titles = {e.title for e in feedparser.parse(clean["feeds/all.atom"]).entries}
    assert titles == {"One, edited", "Two", "Three", "Four", "A page"}


def _check_mails(inbox: Inbox) -> None:
    mails: dict[str, bytes] = {}
    for raw in inbox.raw:
        message_id = str(message_from_bytes(raw)["Message-ID"])
        assert mails.setdefault(message_id, raw) == raw
    subjects = Counter((m["To"], m["Subject"]) for m in map(message_from_bytes, mails.values()))
    expected = [
        (to, subject) for to in ("a@example.org", "b@example.org") for subject in ("[T] Four", "Re: [T] One, edited")
    ]
    assert subjects == Counter(expected)


def _feeds(folder: Path) -> dict[str, bytes]:
    public = folder / "state" / "public"
    return {str(path.relative_to(public)): path.read_bytes() for path in sorted(public.rglob("*")) if path.is_file()}


def _again(kept: Path, folder: Path) -> None:
    """Puts `folder` back as it was. It must keep its path: the address of a file source is part of it."""
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


@pytest.fixture
def kept(prepared: Path) -> Path:
    """A copy of the prepared folder."""
    copy = prepared.with_name("kept")
    shutil.copytree(prepared, copy)
    return copy


LATER = START + timedelta(hours=1)
DIGEST = LATER + timedelta(hours=2)


def _forget(origin: Origin, inbox: Inbox) -> None:
    origin.requests.clear()
    inbox.raw.clear()
    inbox.mails.clear()


@pytest.mark.timeout(800)
@pytest.mark.parametrize("twice", [False, True], ids=["once", "and again during recovery"])
def test_no_crash_loses_or_repeats_anything(
    prepared: Path, kept: Path, origin: Origin, inbox: Inbox, twice: bool
) -> None:
    _round(prepared, LATER)
    clean = _feeds(prepared)

    steps = 0
    for step in range(1, 500):
        _forget(origin, inbox)
        _again(kept, prepared)
        crashed = _crashing_round(prepared, LATER, step)
        if crashed and twice:
            _crashing_round(prepared, LATER, 1 + step // 2)
        _round(prepared, LATER)
        _check(prepared, origin, inbox, clean)
        if not crashed:
            break
        steps = step
    assert steps > 30


@pytest.mark.timeout(300)
def test_f29_a_crash_between_answer_and_settling_repeats_that_delivery_once_under_its_id(
    prepared: Path, kept: Path, origin: Origin, inbox: Inbox
) -> None:
    """At every step whose answer is in and not yet stored, exactly what was not stored comes once more."""
    found = 0
    for step in range(1, 500):
        _forget(origin, inbox)
        _again(kept, prepared)
        name = _stopped_at(prepared, step)
        if not name:
            break
        if name not in ("outbox.answered", "outbox.settle"):
            continue
        found += 1
        before = [request.headers["webhook-id"] for request in origin.requests if request.path == "/hook"]
        _round(prepared, LATER)
        sent = Counter(request.headers["webhook-id"] for request in origin.requests if request.path == "/hook")
        assert len(sent) == 3
        assert all(count == 1 or (count == 2 and message in before) for message, count in sent.items())
    assert found > 5


@pytest.mark.timeout(800)
def test_f2_two_hundred_kills_at_random_moments_lose_nothing(
    prepared: Path, kept: Path, origin: Origin, inbox: Inbox
) -> None:
    began = time.monotonic()
    _round(prepared, LATER)
    length = time.monotonic() - began
    clean = _feeds(prepared)
    moments = random.Random(29)  # noqa: S311  (no secret)

    killed = 0
    for _ in range(200):
        _forget(origin, inbox)
        _again(kept, prepared)
        killed += _killed_after(prepared, moments.uniform(0, length * 1.2))
        _round(prepared, LATER)
        _check(prepared, origin, inbox, clean)
    assert killed > 100


def _killed_after(folder: Path, seconds: float) -> bool:
    """Whether a round in a child was still going on then, and was ended by SIGKILL."""
    child = os.fork()
    if child == 0:
        try:
            _round(folder, LATER)
        finally:
            os._exit(0)
    ended = os.pidfd_open(child)
    try:
        alive = not select.select([ended], [], [], seconds)[0]
        if alive:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finally:
        os.close(ended)
    return alive


def _stopped_at(folder: Path, step: int) -> str:
    """Ends a round at `step`, in a child, and tells the name of that step; "" when it has fewer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:

        def tell(name: str) -> None:
            os.write(writing, name.encode())
            os._exit(CRASHED)

        failpoints.arm(step, tell)
        try:
            _round(folder, LATER)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        name = pipe.read()
    os.waitpid(child, 0)
    return name
