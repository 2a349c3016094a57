"""The e-mail channel: one message to one recipient over SMTP (RFC 5321), never weaker encrypted than asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from email.message import EmailMessage

import aiosmtplib

from feedwatch import failpoints
from feedwatch.alerts.mail import render
from feedwatch.alerts.message import Answer, Message
from feedwatch.alerts.text import line
from feedwatch.alerts.wording import TemplateProblem
from feedwatch.canonical import clean
from feedwatch.net import Net, NetError
from feedwatch.routes import Mail, MailServer

#: Seconds for one command, and for the whole conversation.
_COMMAND, _DEADLINE = 20.0, 60.0
_FAREWELL = 2.0
#: Characters of an answer that are looked at.
_READ = 4096


async def send(net: Net, message: Message, base_url: str) -> Answer:
    """One attempt. 4xx can be tried again; 5xx for sender, recipient or data is final for this message.

    A server that refuses us before it has seen the message (banner, EHLO, STARTTLS, login) says nothing about
    the message: that is tried again, and the operator is told.
    """
    channel = message.route.channel
    assert isinstance(channel, Mail)  # noqa: S101  (the outbox chose by channel)
    try:
        mail = render(message, base_url)
    except TemplateProblem as error:
        return Answer(f"its subject or body {error}", retry=False, misconfigured=True)
    client: aiosmtplib.SMTP | None = None
    try:
        async with asyncio.timeout(_DEADLINE):
            client = await _connected(net, channel.server)
            answer = await _handed_over(client, mail, channel.server, message.recipient or "")
    except aiosmtplib.SMTPException as error:
        return Answer(f"{channel.server.host}: {line(str(error), _READ)}")
    except TimeoutError:
        return Answer(f"{channel.server.host}: no whole conversation within {_DEADLINE:.0f} seconds")
    except NetError as error:
        return Answer(str(error), misconfigured=error.kind == "refused")
    except _Unfit as error:
        return Answer(str(error), misconfigured=True)
    except OSError as error:
        return Answer(f"{channel.server.host}: {error.strerror or line(str(error))}")
    else:
        # The message is theirs or refused already, whatever becomes of the farewell.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(_FAREWELL):
                await client.quit()
        return answer
    finally:
        if client is not None:
            client.close()


class _Unfit(Exception):
    """The server does not take us as we are configured."""


async def _connected(net: Net, server: MailServer) -> aiosmtplib.SMTP:
    """A session that is encrypted and logged in as configured. Raises _Unfit, NetError, SMTPException, OSError."""
    domain = server.address.rpartition("@")[2]
    context = _context(server)
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=await net.dial(server.host, server.port),
        local_hostname=domain,
        timeout=_COMMAND,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=context,
    )
    try:
        await client.connect()
        await client.ehlo()
        if server.security == "starttls":
            await _upgraded(client, server)
        if server.user is not None:
            await client.login(server.user, server.password or "")
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise _Unfit(f"{server.host} refuses the login ({error.code} {line(error.message, _READ)})") from None
    except aiosmtplib.SMTPNotSupported as error:
        client.close()
        raise _Unfit(f"{server.host}: {line(str(error))}") from None
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        refusal = f"{server.host} refuses us ({error.code} {line(error.message, _READ)})"
        raise (_Unfit if error.code >= 500 else aiosmtplib.SMTPException)(refusal) from None
    except ssl.SSLError as error:
        client.close()
        raise _Unfit(f"{server.host}: the TLS certificate or handshake is not right ({error.reason})") from None
    except BaseException:
        client.close()
        raise
    return client


async def _upgraded(client: aiosmtplib.SMTP, server: MailServer) -> None:
    if not client.supports_extension("starttls"):
        raise _Unfit(f"{server.host} does not offer STARTTLS, so nothing was sent; is someone in between?")
    await client.starttls(server_hostname=server.host, tls_context=_context(server))
    await client.ehlo()


async def _handed_over(client: aiosmtplib.SMTP, mail: EmailMessage, server: MailServer, recipient: str) -> Answer:
    step = "the sender"
    try:
        await client.mail(server.address)
        step = "the recipient"
        await client.rcpt(recipient)
        step = "the message"
        failpoints.hit("smtp.data")
        await client.data(mail.as_bytes())
    except aiosmtplib.SMTPResponseException as error:
        said = clean(f"{error.code} {error.message}")
        refusal = f"{server.host} refuses {step}: {line(said, _READ)}"
        return Answer(refusal, retry=error.code < 500, down=False, text=said)
    return Answer()


def _context(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca)
    except OSError as error:
        raise _Unfit(f"the certificates in {server.ca} cannot be used ({error.strerror or error})") from None
