"""E-mail: legible, threaded, to a real SMTP server, encrypted as asked for; and every way a server can refuse."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import trustme
from mailserver import Inbox, saying, taking_mail
from make import NOW, History, entry
from postoffice import HOURS, MINUTES, open_office

from feedwatch.alerts.mail import render
from feedwatch.alerts.message import Item, Message
from feedwatch.model import Change
from feedwatch.routes import Mail, MailServer, Route, Wording

ME = "me@example.org"


def _route(port: int, *to: str, security: str = "none", **server: object) -> Route:
    built = MailServer("127.0.0.1", port, security, "feedwatch <alerts@example.org>", **server)  # type: ignore[arg-type]
    return Route("mail", Mail(to or (ME,), built), when=frozenset({"new", "edited", "withdrawn", "incident"}))


def _message(change: Change, route: Route | None = None) -> Message:
    return Message("m1", route or _route(25), (Item("d1", change, "The blog"),), recipient=ME)


def _edited() -> Change:
    blog = History()
    text = "We moved our deploys from one big step to nine small ones, and sleep better."
    blog.reads(entry(1, "Safer rollouts", summary=text))
    (change,) = blog.reads(entry(1, "Safer rollouts", summary=text.replace("nine", "ten"))).changes
    return change


def _parts(inbox: Inbox, at: int = 0) -> tuple[str, str]:
    mail = inbox.mails[at][1]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return _unix(text.get_content()), _unix(html.get_content())


def test_a_new_entry_arrives_as_text_and_html(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            async with open_office(tmp_path, [_route(inbox.port)]) as office:
                await office.finds(entry(2, "Größere Änderungen & <Neues>"))
                await office.drain()

                ((to, mail),) = inbox.mails
                assert (to, str(mail["To"]), str(mail["From"])) == (ME, ME, "feedwatch <alerts@example.org>")
                assert mail["Subject"] == "[A blog] Größere Änderungen & <Neues>"
                assert parsedate_to_datetime(mail["Date"]) == NOW
                assert mail["List-Id"] == "feedwatch mail <mail.feedwatch.example.org>"
                assert mail["Auto-Submitted"] == "auto-generated"
                assert str(mail["Message-ID"]).endswith("@example.org>")
                assert mail["In-Reply-To"] is None
                assert mail.get_content_type() == "multipart/alternative"
                text, html = _parts(inbox)
                assert (
                    "New: Größere Änderungen & <Neues>\nhttps://example.org/2\nA blog · 2 October 2024 · Data" in text
                )
                assert "What entry 2 says." in text
                assert "Größere Änderungen &amp; &lt;Neues&gt;" in html
                assert 'href="https://example.org/2"' in html

    asyncio.run(work())


def test_an_edit_is_a_reply_in_the_thread_of_its_entry_and_shows_the_words_that_changed(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            async with open_office(tmp_path, [_route(inbox.port)]) as office:
                await office.finds(entry(2, "Title", summary="Ten small steps to safety"))
                await office.drain()
                await office.passes(HOURS, tick=HOURS)
                await office.finds(entry(2, "Title", summary="Nine small steps to real safety"))
                await office.drain()

                (_, first), (_, second) = inbox.mails
                assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
                assert second["Message-ID"] != first["Message-ID"]
                assert second["Subject"] == f"Re: {first['Subject']}"
                text, html = _parts(inbox, 1)
                assert "[-Ten-] {+Nine+} small steps to {+real+} safety" in text
                assert "Ten </del>" in html
                assert "Nine </ins>" in html

    asyncio.run(work())


def test_a_repeated_mail_is_the_same_mail_byte_for_byte() -> None:
    assert render(_message(_edited()), "http://x").as_bytes() == render(_message(_edited()), "http://x").as_bytes()


def test_one_rejected_recipient_affects_no_other(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            inbox.refuse = {"gone@example.org": "550 no such user", "busy@example.org": "451 come back later"}
            route = _route(inbox.port, "gone@example.org", "busy@example.org", ME)
            async with open_office(tmp_path, [route]) as office:
                await office.finds(entry(2))
                await office.drain()
                status = {row.recipient: row.status for row in await office.deliveries("mail")}
                assert status == {"gone@example.org": "dead", "busy@example.org": "pending", ME: "delivered"}

                inbox.refuse.pop("busy@example.org")
                await office.passes(5 * MINUTES)
                assert sorted(to for to, _ in inbox.mails) == ["busy@example.org", ME]
                assert [str(mail["To"]) for _, mail in inbox.mails] == [to for to, _ in inbox.mails]

    asyncio.run(work())


def test_a_recipient_that_was_removed_gets_nothing_more(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            inbox.refuse = {"old@example.org": "451 later"}
            async with open_office(tmp_path, [_route(inbox.port, "old@example.org", ME)]) as office:
                await office.finds(entry(2))
                await office.drain()
                office.routes["mail"] = _route(inbox.port, ME)
                await office.restarts()
                await office.passes(5 * MINUTES)

                dead = [row for row in await office.deliveries("mail") if row.status == "dead"]
                assert [row.recipient for row in dead] == ["old@example.org"]

    asyncio.run(work())


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


# --- every refusal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("answer", ["421 going down", "451 later", "550 never", None], ids=["421", "451", "550", "cut"])
def test_f27_a_refusal_at_any_step_is_tried_again_or_final_as_the_code_says(
    tmp_path: Path, step: str, answer: str | None
) -> None:
    """Before the server has seen a message, a refusal is not the message's: even 5xx is tried again."""

    async def work() -> None:
        answers: dict[str, str | None] = {step: answer}
        if step == "EHLO":
            answers["HELO"] = answer
        async with saying(answers) as (port, taken), open_office(tmp_path, [_route(port)]) as office:
            await office.finds(entry(2))
            await office.drain()
            (row,) = await office.deliveries("mail")
            final = answer == "550 never" and step in ("MAIL", "RCPT", "DATA", ".")
            assert row.status == ("dead" if final else "pending")
            assert row.last_error
            if answer and step != "EHLO":
                assert answer.split(" ", 1)[1] in row.last_error
            before = list(taken)

            if not final and step == ".":
                await office.passes(2 * MINUTES)
                assert len(taken) == len(before) + 1
                assert len({_header(text, "Message-ID") for text in taken}) == 1

    asyncio.run(work())


def _header(mail: str, name: str) -> str:
    (line,) = [line for line in mail.split("\r\n\r\n")[0].split("\r\n") if line.startswith(f"{name}:")]
    return line


def test_an_answer_that_is_no_utf8_can_be_stored_and_repeats_nothing(tmp_path: Path) -> None:
    """Regression: nothing of the batch could be settled, so that the others got their mail for ever."""

    async def work() -> None:
        async with saying({"RCPT": "550 \xe4\xf6"}) as (port, _), open_office(tmp_path, [_route(port)]) as office:
            await office.finds(entry(2))
            await office.drain()
            (row,) = await office.deliveries("mail")
            assert (row.status, row.attempts) == ("dead", 1)

    asyncio.run(work())


@pytest.mark.parametrize(
    "sender", ["Example, Inc. <a@example.org>", "a:b; <a@example.org>", "me@home <a@example.org>", "a@example.org"]
)
def test_the_sender_is_the_address_in_brackets_whatever_the_name(sender: str) -> None:
    server = MailServer("127.0.0.1", 25, "none", sender)

    mail = render(_message(_edited(), Route("mail", Mail((ME,), server))), "http://x")

    assert mail["From"].addresses[0].addr_spec == server.address == "a@example.org"


def test_long_ids_stay_ids() -> None:
    server = MailServer("127.0.0.1", 25, "none", f"a@{'very-' * 12}long.example.org")

    mail = render(_message(_edited(), Route("r" * 64, Mail((ME,), server))), "http://x")

    wire = mail.as_bytes().split(b"\r\n\r\n")[0]
    assert b"=?utf-8" not in wire
    assert b"\r\nIn-Reply-To: <" in wire


def test_a_farewell_that_fails_does_not_make_a_second_mail(tmp_path: Path) -> None:
    async def work() -> None:
        async with saying({"QUIT": None}) as (port, taken), open_office(tmp_path, [_route(port)]) as office:
            await office.finds(entry(2))
            await office.passes(HOURS, tick=10 * MINUTES)
            assert len(taken) == 1

    asyncio.run(work())


def test_a_refused_mail_is_told_to_the_operator_by_another_route(tmp_path: Path) -> None:
    async def work() -> None:
        async with saying({"RCPT": "550 no such user"}) as (port, _):
            with taking_mail() as inbox:
                operator = _route(inbox.port, "operator@example.org")
                operator = Route("operator", operator.channel, when=frozenset({"incident"}))
                async with open_office(tmp_path, [_route(port), operator]) as office:
                    await office.finds(entry(2))
                    await office.drain()

                    ((_, mail),) = inbox.mails
                    # A long one begins on its second line.
                    subject = str(mail["Subject"]).strip()
                    assert subject == '[feedwatch] Problem: The alert "mail me@example.org" does not get through'
                    assert "no such user" in _parts(inbox)[0]

    asyncio.run(work())


def test_one_address_that_always_refuses_is_one_incident_however_many_mails_the_others_get(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            inbox.refuse = {"gone@example.org": "550 no such user"}
            async with open_office(tmp_path, [_route(inbox.port, "gone@example.org", ME)]) as office:
                for last in (2, 3, 4, 5):
                    await office.finds(*(entry(n) for n in range(last, 1, -1)))
                    await office.drain()

                assert len(inbox.mails) == 4
                (incident,) = await office.thread.incidents()
                assert (incident.subject, incident.closed) == ("mail gone@example.org", None)

    asyncio.run(work())


# --- encryption ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority: trustme.CA, tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for 127.0.0.1, and the authority to trust for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    return context, ca


@contextmanager
def _quiet_server(context: ssl.SSLContext, *, tls: bool) -> Iterator[Inbox]:
    with taking_mail(context, tls=tls) as inbox:
        yield inbox


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_out_encrypted_and_logged_in(
    tmp_path: Path, certified: tuple[ssl.SSLContext, Path], security: str
) -> None:
    context, ca = certified

    async def work() -> None:
        with _quiet_server(context, tls=security == "tls") as inbox:
            route = _route(inbox.port, security=security, user="me", password="correct horse", ca=ca)
            async with open_office(tmp_path / "s", [route]) as office:
                await office.finds(entry(2))
                await office.drain()

                assert [row.last_error for row in await office.deliveries("mail")] == [None]
                assert len(inbox.mails) == 1
                assert inbox.logins == [(b"me", b"correct horse")]

    asyncio.run(work())


def test_a_wrong_password_is_tried_again_told_and_never_shown(
    tmp_path: Path, certified: tuple[ssl.SSLContext, Path]
) -> None:
    context, ca = certified

    async def work() -> None:
        with _quiet_server(context, tls=False) as inbox:
            route = _route(inbox.port, security="starttls", user="me", password="hunter2-hunter2", ca=ca)
            async with open_office(tmp_path / "s", [route]) as office:
                await office.finds(entry(2))
                await office.drain()

                (row,) = await office.deliveries("mail")
                assert row.status == "pending"
                assert "refuses the login" in (row.last_error or "")
                assert "hunter2" not in str(row)
                (incident,) = await office.thread.incidents()
                assert incident.kind == "route-failing"

    asyncio.run(work())


def test_f28_no_mail_goes_out_in_clear_when_starttls_was_stripped(tmp_path: Path) -> None:
    async def work() -> None:
        async with saying({}) as (port, taken), open_office(tmp_path, [_route(port, security="starttls")]) as office:
            await office.finds(entry(2))
            await office.drain()
            (row,) = await office.deliveries("mail")
            assert taken == []
            assert row.status == "pending"
            assert "does not offer STARTTLS" in (row.last_error or "")

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore")  # aiosmtpd leaves its half of the failed handshake open
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_f28_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, certified: tuple[ssl.SSLContext, Path], security: str
) -> None:
    context, _ = certified

    async def work() -> None:
        with _quiet_server(context, tls=security == "tls") as inbox:
            async with open_office(
                tmp_path / "s", [_route(inbox.port, security=security, user="me", password="correct horse")]
            ) as office:
                await office.finds(entry(2))
                await office.drain()
                (row,) = await office.deliveries("mail")
                assert (inbox.mails, inbox.logins) == ([], [])
                assert row.status == "pending"
                assert "certificate" in (row.last_error or "").lower()

    asyncio.run(work())


# --- the operator's words, and many at once -------------------------------------------------------------


def test_own_words_replace_subject_and_body() -> None:
    route = Route(
        "mail",
        _route(25).channel,
        wording=Wording(subject="{{ event }}: {{ entry.title }}", body="Look: {{ entry.link }}"),
    )

    mail = render(_message(_edited(), route), "http://x")

    assert mail["Subject"] == "edited: Safer rollouts"
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Look: https://example.org/1\n" in _unix(text.get_content())


def test_a_storm_is_one_mail_that_lists_its_entries(tmp_path: Path) -> None:
    async def work() -> None:
        with taking_mail() as inbox:
            async with open_office(tmp_path, [_route(inbox.port)]) as office:
                await office.finds(*(entry(1000 + n, day=2) for n in range(30)))
                await office.drain()

                ((_, mail),) = inbox.mails
                assert mail["Subject"] == "[A blog] 30 events at once"
                text, html = _parts(inbox)
                assert "30 events in one poll of A blog, more than the 20 sent one by one" in text
                assert text.count("\nNew: ") == html.count("<h2") == 30

    asyncio.run(work())


def test_the_date_is_when_it_happened_however_late_it_arrives() -> None:
    mail = render(_message(_edited()), "http://x")

    assert parsedate_to_datetime(mail["Date"]) == NOW + timedelta(hours=1)
