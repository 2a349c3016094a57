"""Subscribed over HTTP: newsboat, sfeed and rss2email, as Debian ships them, at our own web server.

What each of them must get: every entry, its date, an edit as an edit, and 304 for what it has already.
"""

from __future__ import annotations

import mailbox
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from email.header import decode_header, make_header
from pathlib import Path

import pytest
from house import House
from make import entry
from served import Served, served

from feedwatch.model import Imprint

ENTRIES = [entry(3, "Drei – üb"), entry(2, "Two & <b>two</b>"), entry(1, "One")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    bound = socket.create_server(("127.0.0.1", 0))
    made = House(tmp_path, imprint=Imprint(f"http://127.0.0.1:{bound.getsockname()[1]}", twins=("json", "rss")))
    made.reads("blog", *ENTRIES)
    made.bound = bound  # type: ignore[attr-defined]
    yield made
    made.crash()
    bound.close()


@pytest.fixture
def web(house: House) -> Iterator[Served]:
    with served(house.public, house.bound) as found:  # type: ignore[attr-defined]
        yield found


def run(*command: str | Path, home: Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed (apt install {command[0]})")
    environ = {**os.environ, "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8", "no_proxy": "*"}
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, timeout=50, check=True)
    return done.stdout.decode()


class R2e:
    """rss2email with a Maildir."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._r2e = ("r2e", "-c", folder / "r2e.cfg", "-d", folder / "r2e.json")
        run(*self._r2e, "new", "me@localhost", home=folder)
        config = (folder / "r2e.cfg").read_text()
        for old, new in (
            ("email-protocol = sendmail", "email-protocol = maildir"),
            ("reply-changes = False", "reply-changes = True"),
            ("date-header = False", "date-header = True"),
            ("maildir-path = ~/Maildir", f"maildir-path = {folder}/mail"),
        ):
            assert old in config, old
            config = config.replace(old, new)
        (folder / "r2e.cfg").write_text(config)
        mailbox.Maildir(folder / "mail" / "INBOX")
        run(*self._r2e, "add", "data", url, home=folder)

    def run(self) -> list[tuple[str, str]]:
        """Subject and date of each mail that came."""
        inbox = mailbox.Maildir(self._folder / "mail" / "INBOX")
        inbox.clear()
        run(*self._r2e, "run", home=self._folder)
        return sorted((str(make_header(decode_header(mail["Subject"]))), mail["Date"]) for mail in inbox)


@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_rss2email_mails_each_entry_once_and_an_edit_as_an_answer(
    house: House, web: Served, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "mail").mkdir()
    reader = R2e(tmp_path, f"{web.url}/feeds/data.{ending}")

    first = reader.run()
    # RSS does not say what its titles are: rss2email takes them for HTML, the others for text.
    two = {"atom": "Two & <b>two</b>", "rss": "Two & **two**"}[ending]
    assert [subject for subject, _ in first] == ["Drei – üb", "One", two]
    assert [date for _, date in first][1] == "Tue, 01 Oct 2024 00:00:00 -0000"
    web.forget()
    assert reader.run() == []
    assert web.answers == [(f"/feeds/data.{ending}", 304)]

    house.reads("blog", entry(4, "Four"), entry(1, "One, and a good deal more than before"))
    web.forget()
    assert {subject for subject, _ in reader.run()} >= {"Four"}
    assert web.answers == [(f"/feeds/data.{ending}", 200)]
    assert reader.run() == []


def newsboat(folder: Path, *urls: str) -> dict[str, tuple[str, str, int]]:
    """Title, address and date of each entry, by its id."""
    (folder / "urls").write_text("".join(f"{url}\n" for url in urls))
    (folder / "config").write_text("")
    cache = folder / "cache.db"
    run("newsboat", "-u", folder / "urls", "-C", folder / "config", "-c", cache, "-x", "reload", home=folder)
    database = sqlite3.connect(cache)
    rows = database.execute("select guid, title, url, pubDate from rss_item where deleted = 0").fetchall()
    database.close()
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_newsboat_has_each_entry_once_with_its_date_and_its_edit(
    house: House, web: Served, tmp_path: Path, ending: str
) -> None:
    url = f"{web.url}/feeds/data.{ending}"

    first = newsboat(tmp_path, url)
    assert sorted(title for title, _, _ in first.values()) == ["Drei – üb", "One", "Two & <b>two</b>"]
    assert {link for _, link, _ in first.values()} == {one.link for one in ENTRIES}
    dates = {title: datetime.fromtimestamp(date, UTC) for title, _, date in first.values()}
    assert dates["One"] == datetime(2024, 10, 1, tzinfo=UTC)
    assert "gzip" in web.codings

    house.reads("blog", entry(4, "Four"), entry(3, "Drei, und einiges mehr als zuvor"))
    again = newsboat(tmp_path, url)
    assert set(first) < set(again)
    changed = {again[guid][0] for guid in first if again[guid][0] != first[guid][0]}
    assert changed == {"Drei, und einiges mehr als zuvor"}


@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_sfeed_has_each_entry_with_its_date(house: House, web: Served, tmp_path: Path, ending: str) -> None:
    rc = f'sfeedpath="{tmp_path}/sfeed"\nfeeds() {{ feed "data" "{web.url}/feeds/data.{ending}"; }}\n'
    (tmp_path / "sfeedrc").write_text(rc)

    def lines() -> list[list[str]]:
        run("sfeed_update", tmp_path / "sfeedrc", home=tmp_path)
        return [line.split("\t") for line in (tmp_path / "sfeed" / "data").read_text().splitlines()]

    first = lines()
    assert {line[1]: line[2] for line in first} == {one.title: one.link for one in ENTRIES}
    assert {datetime.fromtimestamp(int(line[0]), UTC).day for line in first} == {1, 2, 3}
    assert len({line[5] for line in first}) == 3

    house.reads("blog", entry(4, "Four"))
    assert {line[1] for line in lines()} == {one.title for one in ENTRIES} | {"Four"}


def test_a_renamed_category_is_followed_by_every_reader(house: House, web: Served, tmp_path: Path) -> None:
    (house.public / "feeds" / "old.atom").symlink_to("data.atom")
    old = f"{web.url}/feeds/old.atom"
    (tmp_path / "mail").mkdir()

    assert len(R2e(tmp_path, old).run()) == 3
    assert len(newsboat(tmp_path, old)) == 3
    assert (("/feeds/old.atom", 301) in web.answers, ("/feeds/data.atom", 200) in web.answers) == (True, True)
