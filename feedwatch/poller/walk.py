"""One poll as a generator: yields the requests to make, is sent their answers, returns what came of it.

Pure. Does not send, sleep, read entries or write validators.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from urllib.parse import urldefrag, urljoin, urlsplit

from feedwatch.model import Failure, Fetched, NotModified, PollState, Request, Response, Source, Trail, Validators
from feedwatch.poller.caching import fresh_for, http_date

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, application/feed+json;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, text/html;q=0.7, */*;q=0.1"
)
_HOPS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
#: Longest time an origin can keep us away with one header.
_LONGEST = timedelta(days=31)
_MEANINGS = {
    401: "it wants a login; set headers for this source",
    403: "it refuses us",
    404: "there is nothing at this address; has it moved?",
    410: "it is gone for good and is not polled any more; remove the source or give it a new url",
    429: "it was asked too often",
    451: "it is withheld for legal reasons",
}

Walk = Generator[Request, Response, Fetched | NotModified | Failure]


def walk(source: Source, state: PollState) -> Walk:
    """One poll of `source`: conditional (RFC 9110 §13.1), with up to five redirects followed by hand.

    A source that has moved for good is asked where it is now, and at its old address when there is nothing.
    """
    own = urldefrag(source.url).url if "#" in source.url else source.url
    if state.effective_url is None:
        return (yield from _from(own, source, state))
    found = yield from _from(state.effective_url, source, state)
    if isinstance(found, Failure) and found.http_status in (404, 410):
        return (yield from _from(own, source, state))
    return found


def one_page(source: Source, url: str, validators: Validators) -> Walk:
    """Another page of `source`; without validators in whole."""
    return _from(url, source, PollState(validators={url: validators}))


def _from(home: str, source: Source, state: PollState) -> Walk:
    url, seen = home, {home}
    permanent: str | None = None
    settled = False
    for _ in range(_HOPS + 1):
        validators = state.validators.get(url, Validators())
        response = yield Request(url, tuple(_headers(source, url, validators)))
        if response.status not in REDIRECTS:
            return _outcome(url, validators, response, Trail(home, permanent, fresh_for(response.headers)))
        target = _target(url, response)
        if isinstance(target, Failure):
            return target
        if target in seen:
            return Failure("redirect", f"it redirects in a circle (at {target})", response.status)
        # What a temporary redirect leads to may be anywhere tomorrow.
        settled = settled or response.status not in _PERMANENT
        permanent = permanent if settled else target
        seen.add(target)
        url = target
    return Failure("redirect", f"it redirects more than {_HOPS} times", response.status)


def retry_after(response: Response) -> timedelta | None:
    """How long `Retry-After` asks to wait (RFC 9110 §10.2.3), a date being relative to the origin's own clock."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), _LONGEST)
    until, sent = http_date(value), http_date(response.headers.get("date", ""))
    if until is None or sent is None or until <= sent:
        return None
    return min(until - sent, _LONGEST)


def _headers(source: Source, url: str, validators: Validators) -> list[tuple[str, str]]:
    # A credential is for the site it was given for, wherever that site sends us.
    own = source.headers if source.headers and origin_of(url) == origin_of(source.url) else ()
    headers = [] if any(name.lower() == "accept" for name, _ in own) else [("Accept", _ACCEPT)]
    if validators.etag:
        headers.append(("If-None-Match", validators.etag))
    if validators.last_modified:
        headers.append(("If-Modified-Since", validators.last_modified))
    return [*headers, *own]


def _target(url: str, response: Response) -> str | Failure:
    location = response.headers.get("location", "").strip()
    if not location:
        return Failure("redirect", "it redirects without saying where to", response.status)
    target = urldefrag(urljoin(url, location)).url
    if urlsplit(target).scheme not in ("http", "https"):
        return Failure(
            "redirect", f"it redirects to something that is no web address ({target[:200]})", response.status
        )
    return target


def _outcome(url: str, sent: Validators, response: Response, trail: Trail) -> Fetched | NotModified | Failure:
    fresh = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
    if response.status == 200:
        return Fetched(url, 200, response.headers, response.body, fresh, trail)
    if response.status == 304:
        if sent == Validators():
            return Failure("http", "it answered 304 (not modified) to a first request", 304)
        # RFC 9111 §4.3.4: what a 304 brings replaces what was stored, the rest stays.
        kept = Validators(fresh.etag or sent.etag, fresh.last_modified or sent.last_modified)
        return NotModified(304, kept, url, trail)
    meaning = _MEANINGS.get(response.status) or ("it has a problem of its own" if response.status >= 500 else "")
    detail = f"HTTP {response.status}" + (f": {meaning}" if meaning else "")
    return Failure("gone" if response.status == 410 else "http", detail, response.status, retry_after(response))


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
