"""One door for the outbox to every channel: which one a message takes is said by its route."""

from __future__ import annotations

from datetime import datetime

from feedwatch.alerts import smtp, webhook
from feedwatch.alerts.message import Answer, Message
from feedwatch.alerts.notify import Notifier
from feedwatch.net import Net
from feedwatch.routes import Mail, Notify, Webhook


class Channels:
    """`deadline` is in seconds, for one attempt of a webhook."""

    def __init__(self, net: Net, notifier: Notifier, *, base_url: str, deadline: float = webhook.DEADLINE) -> None:
        self._deadline = deadline
        self._net = net
        self._notifier = notifier
        self._base_url = base_url

    async def send(self, message: Message, now: datetime) -> Answer:
        """One attempt; what a receiver or the network can do wrong is in the answer."""
        match message.route.channel:
            case Webhook():
                return await webhook.send(self._net, message, now, self._deadline)
            case Mail():
                return await smtp.send(self._net, message, self._base_url)
            case Notify():
                return await self._notifier.send(message)
