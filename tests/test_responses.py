"""Kept bodies: what is in their files, how many there are, and what happens when they cannot be written."""

from __future__ import annotations

import gzip
import logging
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedwatch.model import Fetched, Source
from feedwatch.redact import Redactor
from feedwatch.responses import LARGEST, OLDEST, BadFile, Responses, load, stored

NOW = datetime(2024, 11, 1, 12, tzinfo=UTC)
SECRET = "geheim-4711"
SOURCE = Source("blog", f"https://ann:hunter2@example.org/feed?key={SECRET}")


@pytest.fixture
def responses(tmp_path: Path) -> Responses:
    return Responses(tmp_path, 5, Redactor([SECRET]))


def fetched(body: bytes = b"<rss/>", url: str = SOURCE.url) -> Fetched:
    headers = {"content-type": "text/xml; charset=utf-8", "set-cookie": "sid=canary-1", "x-other": "canary-2"}
    return Fetched(url, 200, headers, body)


def keep(responses: Responses, hours: float = 0, body: bytes = b"<rss/>", *, changed: bool = True) -> None:
    responses.keep(SOURCE, fetched(body), NOW + timedelta(hours=hours), changed=changed)


def hours(folder: Path) -> list[float]:
    """When each kept body was read, in hours after NOW."""
    return [(one.at - NOW) / timedelta(hours=1) for one in stored(folder, "blog")]


def test_a_body_comes_back_as_it_was_read(responses: Responses, tmp_path: Path) -> None:
    keep(responses, body=b"\x00\xff\nbody\n")

    (one,) = stored(tmp_path, "blog")
    kept = load(one)
    assert kept is not None
    assert (kept.at, kept.status, kept.body) == (NOW, 200, b"\x00\xff\nbody\n")
    assert kept.headers == {"content-type": "text/xml; charset=utf-8"}


def test_no_cookie_login_or_secret_is_in_the_folder(responses: Responses, tmp_path: Path) -> None:
    keep(responses)

    written = gzip.decompress(stored(tmp_path, "blog")[0].path.read_bytes())
    assert b"https://example.org/feed?key=[secret]" in written
    for secret in (b"canary", b"cookie", b"hunter2", b"ann", SECRET.encode()):
        assert secret not in written


def test_only_so_many_bodies_are_kept_and_the_newest_of_them(responses: Responses, tmp_path: Path) -> None:
    for hour in range(8):
        keep(responses, hour)

    assert hours(tmp_path) == [3, 4, 5, 6, 7]


def test_bodies_that_changed_no_entry_do_not_drive_out_those_that_did(responses: Responses, tmp_path: Path) -> None:
    for hour in range(4):
        keep(responses, hour)
    for hour in range(4, 20):
        keep(responses, hour, changed=False)

    assert hours(tmp_path) == [0, 1, 2, 3, 19]


def test_only_so_many_bytes_are_kept(responses: Responses, tmp_path: Path) -> None:
    noise = random.Random(4711)  # noqa: S311
    for hour in range(4):
        keep(responses, hour, noise.randbytes(LARGEST * 2 // 5))

    assert hours(tmp_path) == [2, 3]
    keep(responses, 9, noise.randbytes(LARGEST + 1))
    assert hours(tmp_path) == [2, 3]


def test_old_bodies_go(responses: Responses, tmp_path: Path) -> None:
    keep(responses)
    keep(responses, 1)

    responses.tidy(["blog"], NOW + OLDEST + timedelta(minutes=30))

    assert hours(tmp_path) == [1]


def test_zero_keeps_nothing_and_removes_what_was_kept(responses: Responses, tmp_path: Path) -> None:
    keep(responses)
    none = Responses(tmp_path, 0, Redactor([]))
    keep(none, 1)
    assert hours(tmp_path) == [0]

    none.tidy(["blog"], NOW)

    assert list((tmp_path / "responses").iterdir()) == []


def test_a_source_that_is_gone_keeps_its_bodies_as_long_as_the_store_keeps_its_entries(
    responses: Responses, tmp_path: Path
) -> None:
    keep(responses)
    entries = tmp_path / "sources" / "blog.json"
    entries.parent.mkdir()
    entries.write_bytes(b"{}")

    responses.tidy([], NOW)
    assert hours(tmp_path) == [0]

    entries.unlink()
    responses.tidy([], NOW)
    assert hours(tmp_path) == [0], "once a day is enough"

    responses.tidy([], NOW + timedelta(days=1))
    assert not (tmp_path / "responses" / "blog").exists()


def test_what_a_crash_left_is_ignored_and_removed(responses: Responses, tmp_path: Path) -> None:
    keep(responses)
    left = tmp_path / "responses" / "blog" / ".20241101T130000000000Z.gz.tmp"
    left.write_bytes(b"half")

    assert hours(tmp_path) == [0]
    responses.tidy(["blog"], NOW)
    assert not left.exists()


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "other", "no-head"])
def test_a_damaged_file_says_which_it_is(responses: Responses, tmp_path: Path, harm: str) -> None:
    keep(responses, body=os.urandom(2000))
    (one,) = stored(tmp_path, "blog")
    whole = one.path.read_bytes()
    one.path.write_bytes(
        {
            "cut": whole[:-500],
            "flipped": whole[:1000] + bytes([whole[1000] ^ 255]) + whole[1001:],
            "empty": b"",
            "other": b"something else",
            "no-head": gzip.compress(b"[]\nbody"),
        }[harm]
    )

    with pytest.raises(BadFile, match=r"blog.*damaged"):
        load(one)


def test_a_file_of_a_newer_feedwatch_is_left_alone(responses: Responses, tmp_path: Path) -> None:
    keep(responses)
    (one,) = stored(tmp_path, "blog")
    one.path.write_bytes(gzip.compress(b'{"feedwatch": 99}\nbody'))

    with pytest.raises(BadFile, match="newer feedwatch"):
        load(one)


def test_a_file_that_was_removed_meanwhile_is_no_error(responses: Responses, tmp_path: Path) -> None:
    keep(responses)
    (one,) = stored(tmp_path, "blog")
    one.path.unlink()

    assert load(one) is None


def test_what_cannot_be_written_is_said_once_and_fails_nothing(
    responses: Responses, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "responses"
    in_the_way.write_bytes(b"")
    with caplog.at_level(logging.ERROR):
        keep(responses)
        keep(responses, 1)
    assert [record.message.count("not kept for replay") for record in caplog.records] == [1]

    in_the_way.unlink()
    keep(responses, 2)
    assert hours(tmp_path) == [2]
