"""A message as an e-mail: text and HTML, threaded by entry. Pure; `smtp` sends it.

Nothing scraped becomes a header or markup: headers are cleaned (see `text.header`), HTML is escaped by Jinja2.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache

from jinja2 import Environment, PackageLoader, Template
from msgspec import Struct

from feedwatch.alerts.message import KIND_TITLES, MOST_SHOWN, Item, Message, template_values, why
from feedwatch.alerts.text import address, header, line
from feedwatch.alerts.wording import render as render_template
from feedwatch.canonical import clean, digest
from feedwatch.differ.normalise import text_of
from feedwatch.differ.words import Piece, shortened, word_diff
from feedwatch.model import Change, Notice
from feedwatch.routes import Mail
from feedwatch.troubles import headline

#: Characters of an entry's text in a mail, and of unchanged text beside a change.
_TEXT, _AROUND = 1500, 120
#: Folding could turn a long id into an encoded word, which no longer is an id (RFC 2047 §5).
_UNFOLDED = SMTP.clone(max_line_length=990)
_GROUPS = {"digest": "events", "quiet": "events from the quiet hours", "storm": "events at once",
           "catch-up": "events to catch up with"}  # fmt: skip


class Difference(Struct, frozen=True):
    field: str
    pieces: tuple[Piece, ...]


class Shown(Struct, frozen=True):
    """One event as the mail shows it; all of it plain text, `link` a web address or None."""

    kind: str
    title: str
    link: str | None
    source: str
    facts: str
    text: str
    differences: tuple[Difference, ...]


def render(message: Message, base_url: str) -> EmailMessage:
    """The mail for one recipient: the same bytes at every attempt. Raises TemplateProblem for own templates."""
    channel = message.route.channel
    assert isinstance(channel, Mail)  # noqa: S101  (the outbox chose by channel)
    name, sender = channel.server.name, channel.server.address
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=_UNFOLDED)
    mail["From"] = Address(header(name), addr_spec=sender)
    mail["To"] = Address(addr_spec=message.recipient or "")
    mail["Subject"] = header(_subject(message))
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{_message_id(message)}@{domain}>"
    if (root := _thread(message)) and root != _message_id(message):
        mail["In-Reply-To"] = mail["References"] = f"<{root}@{domain}>"
    mail["List-Id"] = f"feedwatch {message.route.id} <{message.route.id}.feedwatch.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Feedwatch-Event"] = message.group or message.items[0].event.kind
    if sources := sorted({change.source_id for change in message.changes}):
        mail["X-Feedwatch-Source"] = ", ".join(sources[:10])
    text, html = _bodies(message, base_url)
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    # The boundary is random otherwise, and a repeated mail would not be the same mail.
    mail.set_boundary(f"feedwatch-{digest('boundary', message.id)}")
    return mail


def word_pieces(change: Change) -> tuple[Difference, ...]:
    """What an edit changed, word by word, with a little of what stands around it."""
    if change.before is None:
        return ()
    found = []
    for name in change.fields:
        if name == "categories":
            before, after = (", ".join(c.title for c in e.categories) for e in (change.before, change.entry))
        elif name in ("summary", "content"):
            before, after = text_of(getattr(change.before, name)), text_of(getattr(change.entry, name))
        else:
            before, after = (getattr(e, name) or "" for e in (change.before, change.entry))
        found.append(
            Difference(name, _bounded(shortened(word_diff(line(before, 50_000), line(after, 50_000)), _AROUND)))
        )
    return tuple(found)


def _bounded(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """At most about `_TEXT` characters of all that changed."""
    room = _TEXT
    kept: list[Piece] = []
    for piece in pieces:
        if room <= 0:
            return (*kept, Piece("same", " …"))
        text = piece.text if len(piece.text) <= room else piece.text[:room] + "…"
        kept.append(Piece(piece.kind, text))
        room -= len(text)
    return tuple(kept)


def _subject(message: Message) -> str:
    if own := message.route.wording.subject:
        return line(render_template(own, template_values(message)))
    first = message.items[0]
    if message.group is not None:
        sources = {item.source_title for item in message.items if item.source_title}
        source = line(sources.pop(), 60) if len(sources) == 1 else "feedwatch"
        return f"[{source}] {len(message.items)} {_GROUPS[message.group]}"
    if isinstance(first.event, Notice):
        return f"[feedwatch] {KIND_TITLES[first.event.kind]}: {headline(first.event.incident)}"
    again = "" if first.event.kind == "new" else "Re: "
    return f"{again}[{line(first.source_title, 60)}] {_title(first.event)}"


def _message_id(message: Message) -> str:
    """The mail about a new entry is the root of its thread; every other one is named by its own id."""
    event = message.items[0].event
    if message.group is None and isinstance(event, Change) and event.kind == "new" and not message.test:
        return _thread(message)
    return f"{message.id}.{message.route.id}"


def _thread(message: Message) -> str:
    """What all mails about one entry (or one incident) to one recipient have in common; "" for grouped ones."""
    event = message.items[0].event
    if message.group is not None or message.test:
        return ""
    about = event.atom_id if isinstance(event, Change) else event.incident.id
    return digest("thread", about, message.route.id, message.recipient) + ".thread"


def _bodies(message: Message, base_url: str) -> tuple[str, str]:
    values = {
        "why": why(message),
        "events": [_shown(item) for item in message.items[:MOST_SHOWN]],
        "more": max(0, len(message.items) - MOST_SHOWN),
        "route": message.route.id,
        "base_url": base_url,
        "test": message.test,
        "own": None,
    }
    if own := message.route.wording.body:
        values["own"] = clean(render_template(own, template_values(message)))
    return _template("mail.txt.j2").render(values), _template("mail.html.j2").render(values)


def _shown(item: Item) -> Shown:
    event = item.event
    if isinstance(event, Notice):
        incident = event.incident
        since = f"since {incident.opened:%d %B %Y, %H:%M} UTC"
        return Shown(
            KIND_TITLES[event.kind], headline(incident), None, "feedwatch", since, line(incident.detail, 1000), ()
        )
    entry = event.entry
    authors = ", ".join(line(person.name, 80) for person in entry.authors[:5])
    date = f"{entry.published.at:%d %B %Y}".lstrip("0") if entry.published else ""
    categories = ", ".join(line(category.title, 60) for category in entry.categories[:8])
    differences = word_pieces(event)
    text = "" if differences else line(text_of(entry.summary) or text_of(entry.content), _TEXT)
    if event.kind == "moved" and event.before and event.before.link:
        text = line(f"It was at {event.before.link}", 500)
    return Shown(
        kind=KIND_TITLES[event.kind],
        title=_title(event),
        link=address(entry.link) if entry.link else None,
        source=line(item.source_title or event.source_id, 80),
        facts=" · ".join(part for part in (date, authors, categories) if part),
        text=text,
        differences=differences,
    )


def _title(change: Change) -> str:
    entry = change.entry
    return line(entry.title) or line(text_of(entry.summary), 80) or line(entry.link or "", 200) or "Untitled"


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("feedwatch.alerts"),
        autoescape=name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
