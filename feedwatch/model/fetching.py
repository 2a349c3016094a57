"""Requests and their answers. Knows nothing of what is in a body."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from feedwatch.discreet import Discreet
from feedwatch.model.value import Value


class Validators(Value, frozen=True):
    """ETag and Last-Modified exactly as received (RFC 9110 §8.8): opaque, sent back verbatim."""

    etag: str | None = None
    last_modified: str | None = None


NO_VALIDATORS = Validators()


class Request(Discreet, frozen=True):
    hidden: ClassVar[frozenset[str]] = frozenset({"headers"})
    url: str
    headers: tuple[tuple[str, str], ...] = ()


class Response(Discreet, frozen=True):
    """One answer. `body` is decoded (gzip undone) and bounded; header names are lower case."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Trail(Value, frozen=True):
    """How an answer was come by."""

    #: The URL that was asked first: the source's own, or where it has moved to.
    home: str = ""
    #: Where permanent redirects from there lead, before any temporary one (RFC 9110 §15.4).
    permanent: str | None = None
    #: How long the answer says it stays fresh (RFC 9111 §4.2).
    fresh: timedelta | None = None


class Fetched(Discreet, frozen=True):
    """A body worth reading."""

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    #: The URL that gave the body, after redirects: the base for relative links.
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    #: To be stored for `url` once the body's entries are committed.
    validators: Validators = Validators()
    trail: Trail = Trail()


class NotModified(Value, frozen=True):
    """What is stored is still right, the validators perhaps fresher."""

    status: int
    validators: Validators
    #: The URL they belong to, after redirects.
    url: str
    trail: Trail = Trail()
