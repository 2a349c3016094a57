"""One door for the outbox to every channel: which one a message takes is said by its route."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from feedwatch.alerts.message import Answer, Message
from feedwatch.net import Net
from feedwatch.routes import Mail, Notify, Webhook

if TYPE_CHECKING:
    from feedwatch.alerts.notify import Notifier


class Channels:
    """A channel loads with its first message: a round that has nothing to send needs none of them.

    `deadline` is in seconds, for one attempt of a webhook; `allow_hosts` is for what Apprise dials.
    """

    def __init__(self, net: Net, allow_hosts: frozenset[str], *, base_url: str, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._net = net
        self._allow_hosts = allow_hosts
        self._notifier: Notifier | None = None
        self._base_url = base_url

    async def send(self, message: Message, now: datetime) -> Answer:
        """One attempt; what a receiver or the network can do wrong is in the answer."""
        match message.route.channel:
            case Webhook():
                from feedwatch.alerts import webhook

                return await webhook.send(self._net, message, now, self._deadline or webhook.DEADLINE)
            case Mail():
                from feedwatch.alerts import smtp

                return await smtp.send(self._net, message, self._base_url)
            case Notify():
                from feedwatch.alerts.notify import Notifier

                self._notifier = self._notifier or Notifier(self._allow_hosts)
                return await self._notifier.send(message)

    def close(self) -> None:
        if self._notifier is not None:
            self._notifier.close()
