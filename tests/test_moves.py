"""A permanent redirect is followed at once and believed late; and what a page is that is not the one asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Failure, Fetched, NotModified, PollState, Response, Selectors, Source
from feedwatch.poller.moves import followed
from feedwatch.poller.walk import walk

OLD, NEW = "https://old.example.org/feed", "https://new.example.org/feed"
SOURCE = Source("feed", OLD)
NOW = datetime(2024, 10, 21, tzinfo=UTC)
DAY = timedelta(days=1)


def _poll(site: Mapping[str, tuple[int, str]], state: PollState) -> tuple[list[str], Fetched | NotModified | Failure]:
    """One walk over a site of url → (status, location)."""
    steps, asked = walk(SOURCE, state), []
    request = next(steps)
    while True:
        asked.append(request.url)
        status, location = site.get(request.url, (404, ""))
        try:
            request = steps.send(Response(request.url, status, {"location": location} if location else {}, b""))
        except StopIteration as done:
            return asked, done.value


def _sees(state: PollState, site: Mapping[str, tuple[int, str]], days: float = 0, *, trusted: bool = True) -> PollState:
    found = _poll(site, state)[1]
    assert isinstance(found, Fetched)
    return followed(state, found.trail.home, found.trail.permanent, trusted=trusted, now=NOW + days * DAY)


MOVED = {OLD: (301, NEW), NEW: (200, "")}


def test_p34_a_move_is_believed_after_three_polls_over_two_days() -> None:
    state = _sees(PollState(), MOVED)
    state = _sees(state, MOVED, 1)
    state = _sees(state, MOVED, 1.9)
    assert state.effective_url is None

    state = _sees(state, MOVED, 2)

    assert state.effective_url == NEW
    assert _poll(MOVED, state)[0] == [NEW]


def test_p34_three_polls_in_an_hour_prove_nothing_nor_do_two_in_a_week() -> None:
    state = PollState()
    for days in (0, 0.01, 0.02, 0.03):
        state = _sees(state, MOVED, days)
    assert state.effective_url is None

    assert _sees(_sees(PollState(), MOVED), MOVED, 7).effective_url is None


def test_p34_an_answer_without_the_redirect_starts_the_count_again() -> None:
    state = _sees(_sees(PollState(), MOVED), MOVED, 1)
    state = _sees(state, {OLD: (200, "")}, 2)

    assert _sees(_sees(state, MOVED, 3), MOVED, 4).effective_url is None


def test_p39_what_is_not_known_there_is_never_a_move() -> None:
    state = PollState()
    for days in range(9):
        state = _sees(state, MOVED, days, trusted=False)

    assert state.effective_url is None


@pytest.mark.parametrize("status", [302, 303, 307])
def test_p35_a_temporary_redirect_is_never_a_move(status: int) -> None:
    state = PollState()
    for days in range(9):
        state = _sees(state, {OLD: (status, NEW), NEW: (200, "")}, days)

    assert state == PollState()


def test_p36_only_what_is_permanent_before_anything_temporary_counts() -> None:
    far, farther = "https://cdn.example.org/a", "https://cdn.example.org/b"
    site = {OLD: (308, NEW), NEW: (302, far), far: (301, farther), farther: (200, "")}
    state = PollState()
    for days in (0, 1, 2):
        state = _sees(state, site, days)

    assert state.effective_url == NEW


def test_p37_https_never_becomes_http_and_http_becomes_https_at_once() -> None:
    down = followed(PollState(), OLD, "http://old.example.org/feed", trusted=True, now=NOW)
    up = followed(PollState(), "http://old.example.org/feed", OLD, trusted=True, now=NOW)

    assert (down.effective_url, down.move) == (None, None)
    assert up.effective_url == OLD


@pytest.mark.parametrize("status", [404, 410])
def test_p40_the_old_address_is_asked_again_when_the_new_one_has_nothing(status: int) -> None:
    state = PollState(effective_url=NEW)
    site = {OLD: (200, ""), NEW: (status, "")}

    asked, found = _poll(site, state)

    assert asked == [NEW, OLD]
    assert isinstance(found, Fetched)
    assert followed(state, found.trail.home, found.trail.permanent, trusted=True, now=NOW).effective_url is None


# --- walls ---------------------------------------------------------------------------------------------


def _read(markup: str, *, select: bool) -> ReadError:
    source = Source("page", OLD, select=Selectors("article") if select else None)
    with pytest.raises(ReadError) as error:
        readers.read(markup.encode(), url=OLD, headers={"content-type": "text/html"}, source=source, now=NOW)
    return error.value


@pytest.mark.parametrize("select", [True, False])
@pytest.mark.parametrize(
    ("markup", "kind", "said"),
    [
        ("<title>Wait</title><body><script src='/cdn-cgi/challenge-platform/x.js'></script>", "blocked", "check"),
        ("<title>Just a moment...</title>", "blocked", "Just a moment"),
        ("<title>x</title><body><div class='g-recaptcha'></div>", "blocked", "check"),
        ("<title>Access Denied</title><h1>Access Denied</h1>", "blocked", "Access Denied"),
        ("<title>Page not found | Example</title><body><h1>Oh no</h1>", "soft-404", "has it moved"),
        ("<title>Example</title><body><h1>Error <b>404</b></h1>", "soft-404", "404"),
        ("<title>old.example.org</title><h1>This domain is for sale</h1>", "soft-404", "for sale"),
        ("<title>Sign in</title><form><input name='p' type='password'></form>", "blocked", "login"),
    ],
)  # fmt: skip
def test_p39_f19_a_wall_and_a_soft_404_are_named(markup: str, kind: str, said: str, select: bool) -> None:
    error = _read(f"<!doctype html><html><head>{markup}</html>", select=select)

    assert (error.kind, said in str(error)) == (kind, True)


def test_a_post_about_captchas_is_a_post() -> None:
    markup = (
        "<!doctype html><title>Blog</title><article><h2><a href='/a'>Page not found: why g-recaptcha</a></h2></article>"
    )
    source = Source("page", OLD, select=Selectors("article"))

    reading = readers.read(markup.encode(), url=OLD, headers={}, source=source, now=NOW)

    assert [entry.title for entry in reading.entries] == ["Page not found: why g-recaptcha"]
