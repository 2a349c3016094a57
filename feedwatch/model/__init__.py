"""Every data type that passes between two rooms of feedwatch: frozen values, no behaviour beyond derived ones.

All datetimes are aware and in UTC. Text has no character that XML 1.0 forbids. Nothing here does I/O.
"""

from __future__ import annotations

from feedwatch.model.entries import About, Category, Enclosure, Entry, Moment, Origin, Person, Text
from feedwatch.model.events import (
    Change,
    ChangeKind,
    Commit,
    Delivery,
    DeliveryStatus,
    Event,
    Incident,
    IncidentKind,
    Notice,
)
from feedwatch.model.fetching import NO_VALIDATORS, Fetched, NotModified, Request, Response, Trail, Validators
from feedwatch.model.known import Bond, EditSize, KnownEntry, KnownSource, MajorEdit, Revision
from feedwatch.model.polling import Doubt, Failure, Move, PollState, Quarantine, Rhythm, SourceReport
from feedwatch.model.publishing import Feed, Fragment, Imprint, PublishedEntry
from feedwatch.model.reading import READING_VERSION, Article, Followed, Pace, Reading, SourceKind, Way
from feedwatch.model.sources import EditRules, EditsShown, JsonPaths, Selectors, Source
from feedwatch.model.value import EPOCH, Value

__all__ = [
    "EPOCH",
    "NO_VALIDATORS",
    "READING_VERSION",
    "About",
    "Article",
    "Bond",
    "Category",
    "Change",
    "ChangeKind",
    "Commit",
    "Delivery",
    "DeliveryStatus",
    "Doubt",
    "EditRules",
    "EditSize",
    "EditsShown",
    "Enclosure",
    "Entry",
    "Event",
    "Failure",
    "Feed",
    "Fetched",
    "Followed",
    "Fragment",
    "Imprint",
    "Incident",
    "IncidentKind",
    "JsonPaths",
    "KnownEntry",
    "KnownSource",
    "MajorEdit",
    "Moment",
    "Move",
    "NotModified",
    "Notice",
    "Origin",
    "Pace",
    "Person",
    "PollState",
    "PublishedEntry",
    "Quarantine",
    "Reading",
    "Request",
    "Response",
    "Revision",
    "Rhythm",
    "Selectors",
    "Source",
    "SourceKind",
    "SourceReport",
    "Text",
    "Trail",
    "Validators",
    "Value",
    "Way",
]
