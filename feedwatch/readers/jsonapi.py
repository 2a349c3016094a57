"""JSON APIs by JMESPath: a document in, entries out. Does not look for expressions by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from feedwatch.canonical import entry_id, one_line
from feedwatch.errors import ReadError
from feedwatch.model import Category, Entry, JsonPaths, Moment, Person, Reading, Text
from feedwatch.readers.dates import parse_date
from feedwatch.readers.sanitize import web_url


def read_json(text: str, paths: JsonPaths, *, url: str, now: datetime) -> Reading:
    """The entries that `paths` find in a JSON document; `url` is the base of relative links.

    A number as date counts the seconds (or milliseconds) since 1970. Raises ReadError.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReadError("unreadable", f"it is no JSON: {error}") from None
    found = _search(paths.entries, document, "entries")
    if not isinstance(found, list):
        kind = "nothing" if found is None else f"no list but a {type(found).__name__}"
        raise ReadError("empty", f'no entries: the expression entries = "{paths.entries}" gives {kind}')
    return Reading("feed", tuple(_entry(item, paths, url, now) for item in found if isinstance(item, dict)))


def _entry(item: dict[str, Any], paths: JsonPaths, url: str, now: datetime) -> Entry:
    def said(name: str) -> Any:
        expression = getattr(paths, name)
        return _search(expression, item, name) if expression else None

    title, link, date = one_line(_text(said("title"))), web_url(_text(said("link")), url), _date(said("date"), now)
    guid, summary, author = _text(said("id")), _text(said("summary")), one_line(_text(said("author")))
    categories = said("category")
    names = categories if isinstance(categories, list) else [categories]
    return Entry(
        id=entry_id(guid or None, link, title, str(date) if date else None),
        title=title,
        link=link,
        summary=Text(one_line(summary)) if summary else None,
        authors=(Person(author),) if author else (),
        categories=tuple(Category(name) for value in names if (name := one_line(_text(value)))),
        published=date,
        image=web_url(_text(said("image")), url),
    )


def _search(expression: str, value: Any, name: str) -> Any:
    try:
        return jmespath.search(expression, value)
    except JMESPathError as error:
        raise ReadError("unreadable", f"{name} = {expression!r} cannot be applied here: {error}") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _date(value: Any, now: datetime) -> Moment | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value > 10**11 else value
        try:
            return Moment(datetime.fromtimestamp(seconds, UTC))
        except (ValueError, OverflowError, OSError):
            return None
    return parse_date(value, now) if isinstance(value, str) else None
