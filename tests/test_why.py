"""`feedwatch explain` and `why-not`: where an entry comes from, who was told, and who was not and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from origin import Origin
from workbench import Bench


def rss(*items: tuple[str, str]) -> bytes:
    told = "".join(f"<item><title>{t}</title><link>/{n}</link></item>" for n, t in items)
    return f"<rss version='2.0'><channel><title>B</title>{told}</channel></rss>".encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    origin.serve("/hook")
    origin.serve("/f", body=rss(("1", "An old post")))
    made = Bench(tmp_path)
    made.config(
        '[network]\nallow_hosts = ["127.0.0.1"]\nper_host_pause = "0s"\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/f"\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
        f'[[alert]]\nid = "rust"\nwebhook = "{origin.url}/hook"\nmatch = ["Rust"]\ncategories = ["data"]\n'
    )
    made.run("poll")
    origin.serve("/f", body=rss(("2", "A new post"), ("1", "An old post")))
    made.run("poll")
    return made


def test_the_story_of_an_entry_tells_who_was_told_and_who_was_not(bench: Bench) -> None:
    told = bench.run("explain", "A new post").stdout

    assert "from source blog" in told
    assert "new at " in told
    assert "hook: delivered, 1 attempts" in told
    assert "rust: not told, because" in told
    assert "none of Rust is in title or text (match)" in told


def test_the_story_of_a_discovered_entry_says_that_nobody_is_told_of_those(bench: Bench) -> None:
    assert "it was discovered" in bench.run("explain", "An old post").stdout
    assert "never told" in bench.run("why-not", "An old post", "hook").stdout


def test_why_not_names_every_reason_or_the_delivery(bench: Bench) -> None:
    reasons = bench.json("why-not", "A new post", "rust")["why_not"]

    assert len(reasons) == 1
    assert "(categories)" in reasons[0]
    assert "(match)" in reasons[0]
    assert "it is in the outbox: delivered" in bench.run("why-not", "A new post", "hook").stdout
    assert "there is hook, rust" in bench.run("why-not", "A new post", "nobody", code=2).stderr


def test_the_story_of_a_source_tells_what_set_its_next_poll(bench: Bench) -> None:
    told = bench.run("explain", "blog").stdout

    assert "2 entries, 2 known" in told
    assert "set by: the default" in told
