"""A source whose selectors find nothing any more is read without them, if what is known comes out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from origin import Origin
from test_trust import page
from workbench import Bench


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    made = Bench(tmp_path)
    made.config(
        '# mine\n[network]\nallow_hosts = ["127.0.0.1"]   # the test\'s own\nper_host_pause = "0s"\n\n'
        f'[[source]]\nid = "blog"\nurl = "{origin.url}/blog"\n[source.select]\nentry = "article.post"\n\n'
        f'[category.data]\ntitle = "Data"\n'
    )
    origin.serve("/blog", body=page(range(12, 0, -1)).replace(b"<article>", b"<article class='post'>"))
    made.run("poll")
    return made


def test_selectors_that_broke_are_taken_out_when_that_helps(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page(range(13, 0, -1)))
    assert bench.json("poll", code=1)["sources"][0]["status"] == "failed"

    shown = bench.run("heal", "blog")
    assert "without them: 12 of 12 known entries, and 1 others" in shown.stdout
    assert "[source.select]" in (bench.folder / "config.toml").read_text()
    bench.run("heal", "blog", "--apply")

    text = (bench.folder / "config.toml").read_text()
    assert "select" not in text
    assert "# mine" in text
    assert "# the test's own" in text
    report = bench.json("poll")["sources"][0]
    assert (report["entries"], report["new"], report["discovered"]) == (13, [], 1)


@pytest.mark.slow
def test_another_list_is_no_help_and_nothing_is_changed(bench: Bench, origin: Origin) -> None:
    origin.serve("/blog", body=page(range(12, 0, -1), "Offer"))
    before = (bench.folder / "config.toml").read_text()

    assert "no better" in bench.run("heal", "blog", "--apply", code=1).stderr
    assert (bench.folder / "config.toml").read_text() == before
