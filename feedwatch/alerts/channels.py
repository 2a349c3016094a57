"""One door for the outbox to every channel: which one a message takes is said by its route."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING

from feedwatch.alerts.message import Answer, Message
from feedwatch.net import Net
from feedwatch.routes import Mail, Notify, Route, Webhook

if TYPE_CHECKING:
    from feedwatch.alerts.notify import Notifier


def load(routes: Iterable[Route]) -> None:
    """Loads what their messages are sent with, so that the first of them does not wait for it."""
    for kind in {type(route.channel) for route in routes}:
        if kind is Webhook:
            import_module("feedwatch.alerts.webhook")
        elif kind is Mail:
            import_module("feedwatch.alerts.smtp")


class Channels:
    """`notifier` is for routes that lead to it; `deadline` is in seconds, for one attempt of a webhook.

    What a channel is made of loads with its first message: most rounds have none."""

    def __init__(self, net: Net, notifier: Notifier | None, *, base_url: str, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._net = net
        self._notifier = notifier
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
                assert self._notifier is not None  # noqa: S101  (there is one where a route needs it)
                return await self._notifier.send(message)
