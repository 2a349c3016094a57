"""When feeds are rendered: those of a source as its entries are stored, all others when it is asked for."""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection

from feedwatch.errors import StoreError
from feedwatch.generator.publish import Publisher
from feedwatch.model import Incident
from feedwatch.store import Store, Unpublished
from feedwatch.storethread import StoreThread
from feedwatch.websub import Hub

log = logging.getLogger(__name__)

#: Pages of archives that are rendered at a time; and sources seen for the first time after which those that are closed
#: by then are rendered.
_PAGES, _EARLY = 20, 16


class Publishing:
    """Renders what the store says is behind, and says what was rendered. `limit` is the number of entries a feed has.

    Does what the store's thread has to do `afterwards`.
    """

    def __init__(self, store: StoreThread, publisher: Publisher, limit: int, hub: Hub | None = None) -> None:
        self._store = store
        self._publisher = publisher
        self._limit = limit
        self._hub = hub
        #: What the feed of incidents shows; there is none before the first incident.
        self._shown_incidents: tuple[Incident, ...] = ()
        #: Feeds of sources that were written since the last publishing.
        self._written: list[str] = []
        #: Sources that were just recorded, and whether they were seen for the first time; of those, how many since
        #: pages of archives were rendered.
        self._fresh: dict[str, bool] = {}
        self._first_seen = 0

        store.afterwards = self._publish_fresh

    def begin(self, store: Store) -> None:
        """Where the public folder is gone, all feeds are to be made anew: a backup need not have it, and nothing has to
        be polled for it."""
        if not self._publisher.is_published():
            store.publish_anew()

    def recorded(self, source_id: str, *, first: bool) -> None:
        """On the store's thread: entries of a source were stored, for the `first` time or not."""
        self._fresh[source_id] = first

    async def publish(self) -> list[str]:
        """Renders the feeds that changed, then keeps the poll states: validators become durable only after
        the feeds show what they vouch for. Returns the files written, relative to the public folder.

        Raises OSError, StoreError; it is made up for by the next one.
        """
        written: list[str] = []
        # Not all at once: an archive may have thousands, and others wait for the store's thread.
        while await self._store.run(functools.partial(self._publish_pages, written)):
            pass
        written += await self._store.run(self._publish)
        if self._hub is not None:
            self._hub.tell(written)
        return written

    def _publish_pages(self, written: list[str], store: Store) -> bool:
        """Renders some pages of archives, when many changed; whether there are more."""
        pages = store.unpublished().pages
        if len(pages) <= _PAGES:
            return False
        written += self._rendered(store, store.in_time(pages)[:_PAGES])
        return True

    def _rendered(self, store: Store, pages: Collection[tuple[str, int]]) -> list[str]:
        written = self._publisher.publish_pages(pages)
        store.published(Unpublished(pages=frozenset(pages)))
        return written

    def _publish(self, store: Store) -> list[str]:
        for warning in store.warnings():
            log.error(warning)
        stale = store.unpublished()
        written, self._written = self._written, []
        if stale != Unpublished() or written:
            # Pages first: a feed must not lead to one that is not there.
            written += self._publisher.publish_pages(stale.pages)
            written = sorted(written + self._publisher.publish(stale.slugs, stale.sources))
            store.published(stale)
        incidents = tuple(store.incidents())
        if incidents != self._shown_incidents:
            written += self._publisher.publish_incidents(incidents)
            self._shown_incidents = incidents
        store.flush()
        return written

    def _publish_fresh(self, store: Store) -> None:
        """Renders the own feeds of sources while their entries are at hand: later their files would have to be read
        again. In a first round of many sources, pages of archives too, now and then.

        What fails here, and a feed with an archive, whose pages come first, is left to the publishing that follows.
        """
        fresh, self._fresh = self._fresh, {}
        try:
            for source_id in fresh:
                if 0 < store.outline(source_id).count <= self._limit:
                    self._written += self._publisher.publish_source(source_id)
                    store.published(Unpublished(sources=frozenset({source_id})))
            self._first_seen += sum(fresh.values())
            if self._first_seen >= _EARLY:
                self._first_seen = 0
                self._written += self._rendered(store, store.unpublished().pages)
        except (OSError, StoreError) as error:
            log.debug("feeds are written later (%s)", error)
        except Exception:  # what was stored is stored, and those who wait for that must hear it
            log.exception("feeds of %s could not be written", ", ".join(fresh))
