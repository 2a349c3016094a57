"""Claimed deliveries into messages: single ones, and those that go out together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from feedwatch.alerts.message import Item, Message
from feedwatch.canonical import digest
from feedwatch.model import Change
from feedwatch.routes import Route, gathering
from feedwatch.store import Claim


class Parcel(Struct, frozen=True):
    """A message, and the claims it settles."""

    message: Message
    claims: tuple[Claim, ...]


def formed(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with the message each goes out in decided; those that differ from before must be stored first.

    The id of a grouped message is a digest of its deliveries. It is stored before the first attempt, so that a
    message never changes what it carries, whatever comes to wait beside it.
    """
    groups: dict[tuple[str, ...], list[Claim]] = {}
    for claim in claims:
        if (key := gathering(claim.delivery, claim.source_id)) is not None:
            groups.setdefault(key, []).append(claim)
    decided = {}
    for members in groups.values():
        ids = [claim.delivery.id for claim in members]
        message_id = digest("message", *sorted(ids)) if len(ids) > 1 else None
        group = members[0].delivery.group if message_id else None
        decided.update(dict.fromkeys(ids, (message_id, group)))
    return [
        replace(claim, delivery=replace(claim.delivery, message_id=own[0], group=own[1]))
        if (own := decided.get(claim.delivery.id))
        else claim
        for claim in claims
    ]


def parcels(route: Route, claims: Sequence[Claim], titles: Mapping[str, str]) -> list[Parcel]:
    """The messages of formed claims, in the order of their first one. `titles` are the operator's for sources."""
    together: dict[str, list[Claim]] = {}
    for claim in claims:
        together.setdefault(claim.delivery.message_id or claim.delivery.id, []).append(claim)
    return [
        Parcel(_message(route, message_id, members, titles), tuple(members)) for message_id, members in together.items()
    ]


def _message(route: Route, message_id: str, claims: Sequence[Claim], titles: Mapping[str, str]) -> Message:
    first = claims[0].delivery
    ordered = sorted(claims, key=lambda claim: (claim.event.at, claim.source_id, _revision(claim), claim.delivery.id))
    items = tuple(Item(c.delivery.id, c.event, titles.get(c.source_id) or c.source_title) for c in ordered)
    return Message(message_id, route, items, first.group if first.message_id else None, first.recipient)


def _revision(claim: Claim) -> int:
    return claim.event.revision if isinstance(claim.event, Change) else 0
