"""Tells a WebSub hub which feeds have something new (W3C WebSub §7), beside everything else and holding up nothing.

Nothing of it is stored: a hub that stays away, or a crash, costs its subscribers the time until the next change or
their own next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from feedwatch.net import Net, NetError

log = logging.getLogger(__name__)

#: Seconds before each further attempt, and for one.
_WAITS, _DEADLINE = (2.0, 15.0, 120.0), 10.0
_ANSWER = 4096
_FORM = (("content-type", "application/x-www-form-urlencoded"),)


class Hub:
    """The hub at `url`; feeds are below `base_url`, which has no slash at its end."""

    def __init__(self, net: Net, url: str, base_url: str, waits: Sequence[float] = _WAITS) -> None:
        self._net = net
        self._url = url
        self._base_url = base_url
        self._waits = waits
        #: Addresses of feeds, the longest waiting first.
        self._topics: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def tell(self, written: Iterable[str]) -> None:
        """These files, relative to the public folder, are new. Returns at once."""
        self._topics |= {f"{self._base_url}/{name}": None for name in written if _is_topic(name)}
        if self._topics and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    async def finish(self, grace: float) -> None:
        """Waits `grace` seconds for what is still to be told; what is left then is left out."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=grace)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        failures = 0
        while self._topics:
            topic = next(iter(self._topics))
            del self._topics[topic]
            problem = await self._ping(topic)
            if problem is None:
                failures = 0
                continue
            if failures == len(self._waits):
                log.warning("the hub was not told of %d feeds: %s", len(self._topics) + 1, problem)
                self._topics.clear()
                return
            # First again: it is the hub that does not answer, and not this feed that it does not want.
            self._topics = {topic: None, **self._topics}
            await asyncio.sleep(self._waits[failures])
            failures += 1

    async def _ping(self, topic: str) -> str | None:
        """Why the hub could not be told; None when it was, or does not want to be."""
        # Loaded when there is something to tell.
        from feedwatch import sending

        body = urlencode({"hub.mode": "publish", "hub.url": topic}).encode()
        try:
            answer = await sending.post(
                self._net, self._url, headers=_FORM, body=body, room=_ANSWER, deadline=_DEADLINE
            )
        except NetError as error:
            return str(error)
        if answer.status == 429 or answer.status >= 500:
            return f"HTTP {answer.status}"
        if not 200 <= answer.status < 300:
            log.warning("the hub does not want to hear of %s: HTTP %d", topic, answer.status)
        return None


def _is_topic(name: str) -> bool:
    """Whether a file is a feed that names the hub. Pages of archives do not change; private feeds are kept from it."""
    folder, _, rest = name.partition("/")
    return (
        folder in ("feeds", "sources")
        and name.endswith((".atom", ".json", ".rss"))
        and not rest.rpartition("/")[2].startswith("archive-")
    )
