"""A page that brings a program instead of its posts says so; no other page does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedwatch.errors import ReadError
from feedwatch.model import Selectors, Source
from feedwatch.readers import read
from feedwatch.readers.shell import HINT, is_shell

NOW = datetime(2024, 11, 1, tzinfo=UTC)
SCRIPT = "<script src=/main.js></script>"
TEXT = "<p>" + "A page about us and what we do, with words enough to be one. " * 5 + "</p>"


@pytest.mark.parametrize(
    "body",
    [
        f"<div id=root></div>{SCRIPT}",
        f'<div id="app">Loading…</div>{SCRIPT}',
        f'<div id="__next"><div class="spinner"></div></div>{SCRIPT}',
        f"<div id=__nuxt></div>{SCRIPT}",
        f"<app-root></app-root>{SCRIPT}",
        f"<noscript>You need to enable JavaScript to run this app.</noscript><main></main>{SCRIPT}",
        f"<noscript>Bitte aktivieren Sie JavaScript.</noscript><p>Blog</p>{SCRIPT}",
        f"<div id=root></div><noscript>{TEXT}</noscript>{SCRIPT}",
    ],
)
def test_what_waits_for_its_scripts_is_a_shell(body: str) -> None:
    assert is_shell(f"<!doctype html><title>Blog</title><body>{body}")


@pytest.mark.parametrize(
    "body",
    [
        TEXT,
        f"<div id=root>{TEXT}</div>{SCRIPT}",
        f"<noscript>Enable JavaScript for comments.</noscript>{TEXT}{SCRIPT}",
        "<div id=root></div>",
        f"<p>Nothing here yet.</p>{SCRIPT}",
        f'<noscript><img src="https://stats.example/pixel"></noscript><p>Soon.</p>{SCRIPT}',
    ],
)
def test_what_has_text_or_no_scripts_is_none(body: str) -> None:
    assert not is_shell(f"<!doctype html><title>Blog</title><body>{body}")


def _why(body: str, source: Source) -> str:
    with pytest.raises(ReadError) as error:
        read(body.encode(), url="https://blog.example/", headers={}, source=source, now=NOW)
    assert error.value.kind == "empty"
    return str(error.value)


SHELL = f"<!doctype html><title>Blog</title><div id=root></div>{SCRIPT}"


@pytest.mark.parametrize("select", [None, Selectors("article")], ids=["found by itself", "by selectors"])
def test_a_shell_without_entries_says_what_would_help(select: Selectors | None) -> None:
    source = Source("blog", "https://blog.example/", select=select)

    assert HINT in _why(SHELL, source)
    assert "browser = true" in HINT
    assert HINT not in _why(f"<!doctype html><title>Blog</title>{TEXT}{SCRIPT}", source)


def test_who_has_the_browser_already_is_not_told_of_it() -> None:
    assert HINT not in _why(SHELL, Source("blog", "https://blog.example/", browser=True))
