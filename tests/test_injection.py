"""Whatever a site writes into a title, every channel shows it and obeys nothing in it. The mails must still go out."""

from __future__ import annotations

import asyncio
import json
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailserver import taking_mail
from make import History, entry
from origin import Origin
from postoffice import hook, open_office

from feedwatch.alerts import mail, notify, webhook
from feedwatch.alerts.message import Item, Message
from feedwatch.alerts.text import header, inert
from feedwatch.canonical import clean, one_line
from feedwatch.model import Change
from feedwatch.routes import Mail, MailServer, Notify, Route, Webhook

SERVER = MailServer("127.0.0.1", 25, "none", "feedwatch <alerts@example.org>")
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "List-Id", "Auto-Submitted", "X-Feedwatch-Event",
    "X-Feedwatch-Source", "MIME-Version", "Content-Type",
}  # fmt: skip
TITLES = {
    "crlf": "Hello\r\nBcc: victim@example.org\r\n\r\nbody",
    "bare lf": "Hello\nBcc: victim@example.org",
    "nul and controls": "A\x00B\x07C\x1b[31mD\x7fE\x85F",
    "line separators": "A\u2028Bcc: x@y\u2029B\x0bC\x0cD",
    "encoded word": "A =?UTF-8?Q?=0ABcc:_victim@example.org?= 🎉",
    "encoded word base64": "=?utf-8?b?CkJjYzogeEB5?= é",
    "unfinished encoded word": "é =?utf-8?q?",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entities": "&lt;a href=//evil.example&gt;click&lt;/a&gt; &amp;lt;b&amp;gt;",
    "link": "<a href=//evil.example>click</a>",
    "mentions": "@everyone @here <!channel> <@U123> <@&42> @channel",
    "markdown": "[click](https://evil.example) **bold** `code` ||spoiler|| ![x](https://evil.example/x.png)",
    "right to left": "abc\u202egpj.exe\u202c\u2066x\u2069\u200f",
    "template": "{{ 7*7 }} {% raw %} ${HOME} %(a)s {0.__class__}",
    "long": "x" * 1_000_000,
    "long words": "wörd " * 2_000,
    "no spaces": "é" * 10_000,
    "surrogate": "A\ud800B",
    "dots": ".\r\n.\r\nQUIT\r\n",
    "empty": "",
}


def _change(title: str) -> Change:
    blog = History()
    blog.reads(entry(1))
    (change,) = blog.reads(entry(2, one_line(title), summary=clean(title)), entry(1)).changes
    return change


def _message(title: str, channel: Mail | Notify | Webhook) -> Message:
    return Message("m1", Route("r", channel), (Item("d1", _change(title), clean(title)),), recipient="me@example.org")


def _wire(title: str) -> EmailMessage:
    """The mail as a receiver parses it from the bytes that are sent."""
    sent = mail.render(_message(title, Mail(("me@example.org",), SERVER)), "http://x").as_bytes()
    assert all(len(line) <= 998 for line in sent.split(b"\r\n"))
    assert b"\n" not in sent.replace(b"\r\n", b"")
    parsed = message_from_bytes(sent, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_s18_a_mail_has_exactly_the_headers_that_we_wrote(title: str) -> None:
    parsed = _wire(title)

    assert set(parsed.keys()) == HEADERS
    assert len(parsed.keys()) == len(HEADERS)
    assert str(parsed["To"]) == "me@example.org"
    assert len(str(parsed["Subject"])) <= 300


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_s18_no_text_at_all_makes_a_header(title: str) -> None:
    parsed = _wire(title)

    assert set(parsed.keys()) == HEADERS
    assert "\n" not in str(make_header(decode_header(str(parsed["Subject"]))))


@given(st.text(alphabet=st.sampled_from("=?utf-8QqBb_0A\r\n: é🎉"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_s18_no_encoded_word_makes_a_header(title: str) -> None:
    assert set(_wire(title).keys()) == HEADERS
    assert "=?" not in header(title)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.links.update(value or "" for name, value in attrs if name in ("href", "src"))


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_s14_the_html_of_a_mail_has_no_tag_or_link_that_we_did_not_write(title: str) -> None:
    part = _wire(title).get_body(("html",))
    assert part is not None
    html = part.get_content()
    found = _Links()
    found.feed(html)

    assert found.tags <= {"html", "head", "meta", "title", "style", "body", "div", "p", "b", "h2", "a", "del", "ins"}
    assert found.links == {"https://example.org/2", "http://x/"}
    html5lib.HTMLParser(strict=True).parse(html)


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_s14_a_webhook_carries_the_title_as_json_text(title: str) -> None:
    sent = webhook.render(_message(title, Webhook("http://x/")))
    told, whole = json.loads(sent)["data"]["entry"]["title"], one_line(title)

    assert told == (whole if len(whole) < 100_000 else whole[:500])
    assert len(sent) < 520_000


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_s14_a_notification_mentions_nobody_and_links_nowhere(title: str) -> None:
    subject, body = notify.text(_message(title, Notify("json://x")))

    for said in (subject, body):
        for trigger in ("@everyone", "@here", "@channel", "<!channel", "<@", "](", "<a ", "<script", "`code", "**b"):
            assert trigger not in said
    assert "\n" not in subject
    assert len(body) < 2_000
    assert not set("\u202e\u202c\u2066\u2069\x00\x1b") & set(subject + body)


def test_inert_text_reads_as_before() -> None:
    text = "@everyone [a](b) <!channel> C# at 5 < 6"

    assert inert(text) != text
    assert inert(text).replace("\u200b", "") == text
    assert inert("Nothing to see: 5 < 6, done.") == "Nothing to see: 5 < 6, done."


def test_s14_s18_every_title_goes_through_every_channel_and_no_message_is_poison(
    tmp_path: Path, origin: Origin
) -> None:
    """Through real servers: SMTP, HTTP, and Apprise's own words for another service."""
    origin.serve("/hook", status=200)
    origin.serve("/topic", status=200)

    async def work() -> None:
        with taking_mail() as inbox:
            server = MailServer("127.0.0.1", inbox.port, "none", "feedwatch <alerts@example.org>")
            routes = [
                hook(origin, storm=100),
                Route("mail", Mail(("me@example.org",), server), storm=100),
                Route("chat", Notify(f"json://127.0.0.1:{origin.port}/topic"), storm=100),
            ]
            async with open_office(tmp_path, routes) as office:
                titles = [one_line(title) for title in TITLES.values()]
                await office.finds(*(entry(100 + n, t, summary=t, day=2) for n, t in enumerate(titles)))
                await office.drain()

                rows = await office.deliveries()
                assert {(row.route_id, row.status) for row in rows} == {
                    ("hook", "delivered"), ("mail", "delivered"), ("chat", "delivered"),
                }  # fmt: skip
                assert len(inbox.mails) == len(TITLES)
                assert all(
                    set(received.keys()) - {"X-Peer", "X-MailFrom", "X-RcptTo"} == HEADERS
                    for _, received in inbox.mails
                )
                chats = [asked for asked in origin.requests if asked.path == "/topic"]
                assert len(chats) == len(TITLES)
                assert not [asked for asked in chats if b"@everyone" in asked.body]

    asyncio.run(work())
