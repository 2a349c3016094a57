"""Real SMTP servers on loopback: one that takes mail (aiosmtpd), and one that says what a test tells it to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@dataclass
class Inbox:
    """What arrived, and whom the server refuses."""

    port: int = 0
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    #: Answers to RCPT by address.
    refuse: dict[str, str] = field(default_factory=dict)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if answer := self.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.raw.append(envelope.content)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.extend((address, message) for address in envelope.rcpt_tos)
        return "250 OK"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        right = data.password == b"correct horse"
        return AuthResult(success=right, handled=right)


@contextmanager
def taking_mail(context: ssl.SSLContext | None = None, *, tls: bool = False) -> Iterator[Inbox]:
    """A server that wants STARTTLS and a login when it has a certificate; with `tls` it begins encrypted."""
    inbox = Inbox(port=free_port())
    options: dict[str, Any] = {}
    if context is not None:
        options = {"authenticator": inbox.login, "auth_required": True, "auth_require_tls": True}
        options |= {"ssl_context": context} if tls else {"tls_context": context, "require_starttls": True}
        # aiosmtpd does not count a connection that begins encrypted as encrypted.
        options["auth_required"] = options["auth_require_tls"] = not tls
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port, **options)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


#: The steps of a conversation, in order, with what a server that takes the mail says.
STEPS = {
    "banner": "220 stub",
    "EHLO": "250 stub",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    ".": "250 taken",
    "QUIT": "221 bye",
}


@asynccontextmanager
async def saying(answers: dict[str, str | None]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that answers each step as told, and drops the connection where the answer is None.

    Yields its port and the list of messages it took.
    """
    taken: list[str] = []
    told = {**STEPS, **answers}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(step: str) -> bool:
            answer = told.get(step, "250 ok")
            if answer is None:
                return False
            writer.write(answer.encode("latin-1") + b"\r\n")
            await writer.drain()
            return True

        try:
            going = await say("banner")
            while going and (heard := await reader.readline()):
                verb = heard.split(None, 1)[0].decode().upper()
                going = await say(verb) and verb != "QUIT"
                if verb == "DATA" and told["DATA"] == STEPS["DATA"] and going:
                    text = await reader.readuntil(b"\r\n.\r\n")
                    taken.append(text.decode())
                    going = await say(".")
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], taken
    finally:
        server.close()
        await server.wait_closed()
