"""What feeds show after something went wrong, or was found out late: as if all of it were made anew."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from house import House
from inprocess import run
from make import NOW, entry
from msgspec.structs import replace

from feedwatch import files
from feedwatch.errors import StoreError
from feedwatch.model import About, Commit, Entry


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, limit=2)
    yield made
    made.crash()


def post(number: int, source: str, title: str | None = None) -> Entry:
    """The same address and title in whatever source."""
    return entry(number, title, guid=f"{source}-{number}")


def shown(house: House, name: str = "feeds/all.atom") -> str:
    return (house.public / name).read_text()


def stays_so_after_a_crash(house: House) -> bool:
    """Then all that shows something else than the store knows is made anew."""
    before = {path: path.read_bytes() for path in house.public.rglob("*.atom")}
    house.crash()
    house.open()
    house.publish()
    return {path: path.read_bytes() for path in house.public.rglob("*.atom")} == before


def test_a_folder_that_could_not_be_made_once_holds_up_no_later_publishing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    house.reads("blog", post(1, "blog"))
    house.commits("blog", post(1, "blog", "Another title"))
    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(OSError, match="No space"):
        house.publish()
    monkeypatch.undo()

    house.reads("blog", post(2, "blog"))

    assert "Entry 2" in shown(house)


def test_a_public_folder_that_somebody_emptied_holds_up_no_publishing(house: House) -> None:
    house.reads("blog", post(1, "blog"))
    house.commits("blog", post(1, "blog", "Another title"))
    house.publisher.publish_source("blog")
    shutil.rmtree(house.public)

    house.reads("blog", post(2, "blog"))

    assert "Entry 2" in shown(house)


def test_a_source_that_is_called_otherwise_is_so_on_every_page_that_shows_a_post_of_it(house: House) -> None:
    house.reads("blog", post(1, "blog"))
    for number in range(4, 9):
        house.reads("blog", post(number, "blog"))
    house.reads("news", post(1, "news"))
    for number in range(10, 16):
        house.reads("news", post(number, "news"))

    house.store.commit(Commit("blog", "c", About(title="Renamed")))
    house.publish()

    pages = house.pages("feeds/all").values()
    assert sum(b"<title>Entry 1<" in page for page in pages) == 2
    assert stays_so_after_a_crash(house)


def test_posts_that_an_edit_makes_alike_stay_two_before_and_after_a_restart(house: House) -> None:
    house.reads("blog", post(1, "blog", "Release notes"))
    house.reads("news", post(1, "news", "Faster joins in version nine"))

    house.reads("blog", post(1, "blog", "Faster joins in version nine"))

    assert shown(house).count("<entry") == 2
    assert stays_so_after_a_crash(house)


def test_an_edit_of_what_was_withdrawn_is_in_no_feed_of_edits(house: House) -> None:
    house.reads("blog", post(1, "blog"))
    house.reads("blog", post(1, "blog", "Quite another title than it had"))
    assert "Quite another" in shown(house, "feeds/all/changes.atom")

    house.withdraws("blog", "blog-1", NOW + timedelta(hours=9))

    assert "Quite another" not in shown(house, "feeds/all/changes.atom")


def test_a_post_that_came_while_nothing_was_certain_is_known_to_be_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.sync_folder

    def failing(folder: Path | str) -> None:
        if str(folder).endswith("sources"):
            raise OSError(errno.EIO, "Input/output error")
        real(folder)

    house.reads("blog", post(1, "blog"))
    monkeypatch.setattr(files, "sync_folder", failing)
    with pytest.raises(StoreError, match="durable"):
        house.commits("blog", post(9, "blog"))
    monkeypatch.undo()

    house.commits("news", post(9, "news"))

    bond = house.store.known("news").entries["news-9"].twin_of
    assert bond is not None
    assert (bond.source_id, bond.key) == ("blog", "blog-9")


def test_what_a_damaged_file_took_with_it_is_in_no_feed_after_the_next_publishing(house: House) -> None:
    house.reads("blog", post(1, "blog"))
    house.reads("blog", post(2, "blog"))
    path = house.folder / "state" / "sources" / "blog.json"
    path.write_bytes(path.read_bytes()[:-40])
    # So many other sources are opened that this one is forgotten.
    house.store._files._open.clear()

    assert list(house.store.known("blog").entries) == ["blog-1"]
    house.publish()

    assert "Entry 2" not in shown(house)
    assert house.store.warnings()


def test_a_commit_without_a_bond_keeps_the_one_that_was_stored(house: House) -> None:
    house.reads("blog", post(1, "blog"))
    house.reads("news", post(1, "news"))
    known = house.store.known("news")
    row = known.entries["news-1"]
    assert row.twin_of is not None

    house.store.commit(Commit("news", "c", known.about, (replace(row, missing=1),)))
    house.publish()

    assert shown(house).count("<entry") == 1


def test_a_public_folder_that_is_gone_comes_back_with_its_archives_though_nothing_is_new(tmp_path: Path) -> None:
    items = "".join(
        f"<item><title>Post {n}</title><link>/{n}</link><category>Data</category></item>" for n in range(60)
    )
    (tmp_path / "feed.xml").write_text(f"<rss version='2.0'><channel><title>B</title>{items}</channel></rss>")
    config = '[[source]]\nid = "blog"\nurl = "feed.xml"\nlink_base = "https://example.org/"\n'
    (tmp_path / "config.toml").write_text(f"[feedwatch]\nentries = 10\n{config}")
    run(tmp_path, "poll")
    public = tmp_path / "state" / "public"
    before = {path: path.read_bytes() for path in public.rglob("*") if path.is_file()}
    assert public / "feeds" / "data" / "archive-1.atom" in before

    shutil.rmtree(public)
    said = run(tmp_path, "poll")

    assert "blog: unchanged" in said.out
    assert {path: path.read_bytes() for path in public.rglob("*") if path.is_file()} == before
