"""Our feeds in feed readers that people use: newsboat, sfeed and rss2email, as Debian ships them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from workbench import ROOT, SECTIONS, Bench

FIRST = {
    "data": "How We Generated Millions of Content Annotations",
    "people": "Managing Software at Scale: Kelsey Hightower Talks with Niklas Gustavsson about Fleet",
    "machine-learning": "Humans + Machines: A Look Behind Spotify’s Algotorial Playlists",
}


def _needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (apt install {tool})")


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """The feeds of the shipped configuration and archive page."""
    bench = Bench(tmp_path)
    (tmp_path / "fixtures").mkdir()
    bench.page("spotify-engineering.html", "fixtures/spotify-engineering.html")
    bench.config((ROOT / "config.toml").read_text(encoding="utf-8"))
    bench.run("poll")
    return bench.public / "feeds"


def test_sfeed_reads_every_category_feed(feeds: Path) -> None:
    _needs("sfeed")

    def lines(slug: str) -> list[list[str]]:
        body = (feeds / f"{slug}.atom").read_bytes()
        said = subprocess.run(["sfeed"], input=body, capture_output=True, check=True).stdout.decode()
        return [line.split("\t") for line in said.splitlines()]

    assert {slug: len(lines(slug)) for slug in SECTIONS} == SECTIONS
    assert {slug: lines(slug)[0][1] for slug in FIRST} == FIRST
    dates = [int(line[0]) for line in lines("all")]
    assert dates == sorted(dates, reverse=True)
    assert lines("data")[0][2].startswith("https://engineering.atspotify.com/2024/10/")
    assert lines("data")[0][5].startswith("urn:uuid:")


def test_newsboat_reads_every_category_feed(feeds: Path, tmp_path: Path) -> None:
    _needs("newsboat")
    (tmp_path / "urls").write_text("".join(f"file://{feeds / slug}.atom\n" for slug in SECTIONS))
    (tmp_path / "config").write_text("")
    cache = tmp_path / "cache.db"

    subprocess.run(
        ["newsboat", "-u", tmp_path / "urls", "-C", tmp_path / "config", "-c", cache, "-x", "reload"],
        check=True,
        capture_output=True,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "dumb"},
        timeout=50,
    )

    database = sqlite3.connect(cache)
    rows = database.execute("select feedurl, title, url, guid from rss_item").fetchall()
    database.close()
    counts = {slug: sum(row[0].endswith(f"/{slug}.atom") for row in rows) for slug in SECTIONS}
    assert counts == SECTIONS
    assert set(FIRST.values()) <= {row[1] for row in rows}
    assert all(row[2].startswith("https://engineering.atspotify.com/") for row in rows)
    assert len({row[3] for row in rows}) == 40
