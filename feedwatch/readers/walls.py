"""Pages that are not what was asked for: walls against programs, and pages that say they are none. Pure.

A page is judged only where it yielded no entries, or says plainly what it is: a post about captchas is a post.
"""

from __future__ import annotations

import re

from feedwatch.errors import ReadError

_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,300}?)</title", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h1[^>]{0,500}>(.{0,500}?)</h1", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,500}>")
_WALL_TITLE = re.compile(
    r"just a moment|attention required|access denied|are you (a )?(human|robot)|verify you are human|"
    r"security check|checking your browser|bot verification|ddos-guard|pardon our interruption|"
    r"please enable (js|javascript|cookies)",
    re.IGNORECASE,
)
#: Marks in the markup of challenges that no other page has.
_WALL_MARKS = (
    "/cdn-cgi/challenge-platform/", "cf-browser-verification", "cf_chl_opt", "px-captcha", "_Incapsula_Resource",
    "geo.captcha-delivery.com", "awswaf.com/challenge", "ddos-guard/js-challenge", "g-recaptcha", "h-captcha",
)  # fmt: skip
_NOTHING_HERE = re.compile(
    r"\b404\b|page (was |could )?not (be )?found|not found|nothing (was )?found|page doesn.?t exist|"
    r"no longer (exists|available)|"
    r"domain (is )?for sale|domain parked|nicht gefunden|page introuvable|página no encontrada|sidan hittades inte",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"<input[^>]{1,300}type\s*=\s*[\"']?password", re.IGNORECASE)
#: Characters that are looked at; walls are short pages.
_LOOKED_AT = 60_000


def check_other_page(markup: str) -> None:
    """Raises ReadError for a page that says in its title or heading that it is not the one that was asked for, whatever
    else is on it: a page for missing pages likes to list the latest posts."""
    title, heading = _said(markup)
    if _WALL_TITLE.search(title):
        raise _wall(title)
    if found := _NOTHING_HERE.search(title) or _NOTHING_HERE.search(heading):
        raise ReadError("soft-404", f'the page says itself that it is none ("{found[0]}"); has it moved?')


def check_wall(markup: str) -> None:
    """Raises ReadError for a page without entries that is a wall, a page that is none, or a login.

    Good pages have such marks too: a form for members, a captcha before comments, a guard's script.
    """
    check_other_page(markup)
    head = markup[:_LOOKED_AT]
    if any(mark in head for mark in _WALL_MARKS):
        raise _wall(_said(markup)[0])
    if _LOGIN.search(head):
        raise ReadError(
            "blocked", "the site shows a login instead of its page; set user, bearer or cookies for this source"
        )


def _wall(title: str) -> ReadError:
    return ReadError(
        "blocked",
        f'the site shows a check for programs instead of its page ("{title[:80]}"); ask its owner, or use a feed',
    )


def _said(markup: str) -> tuple[str, str]:
    """The title and the first heading."""
    head = markup[:_LOOKED_AT]
    return _text(_TITLE, head), _text(_HEADING, head)


def _text(pattern: re.Pattern[str], markup: str) -> str:
    found = pattern.search(markup)
    return " ".join(_TAG.sub(" ", found[1]).split()) if found else ""
