"""The templates, and the few files that pages load: a style, a script, an icon. Their names carry a hash."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from feedwatch.differ.words import shortened
from feedwatch.spoken import ago

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


class Asset(Struct, frozen=True):
    #: Below the root, as in `static/style.0123456789ab.css`.
    path: str
    media_type: str
    data: bytes


@cache
def assets() -> dict[str, Asset]:
    """By file name."""
    found = {}
    for file in (files("feedwatch.web") / "static").iterdir():
        stem, _, suffix = file.name.partition(".")
        if suffix in _TYPES:
            data = file.read_bytes()
            name = f"static/{stem}.{sha256(data).hexdigest()[:12]}.{suffix}"
            found[file.name] = Asset(name, _TYPES[suffix], data)
    return found


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("feedwatch.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": ago,
        "day": day,
        "minute": minute,
        "number": "{:,}".format,
        "percent": "{:.0%}".format,
        "sentence": sentence,
        "shortened": shortened,
    }
    made.globals |= {"asset": lambda name: assets()[name].path}
    return made


def compile_all() -> None:
    """Makes the templates ready, so that no visitor waits for it."""
    for name in environment().list_templates():
        environment().get_template(name)


def day(moment: datetime) -> str:
    """A day in UTC as people write it: 1 November 2024."""
    return f"{moment.day} {moment:%B %Y}"


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def sentence(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]
