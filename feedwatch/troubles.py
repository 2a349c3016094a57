"""What is wrong with the sources, one trouble for one cause. Pure: compares nothing with what is known already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import fields

from feedwatch.canonical import host_of
from feedwatch.model import Incident, IncidentKind, PollState, Selectors, Source

#: So many failures in a row are no hiccup.
FAILURES = 3
#: Sources that have to fail together before it is their host, or the network, that fails.
_TOGETHER = 2


class Cause(NamedTuple):
    kind: IncidentKind
    #: The id of a source or a route, the name of a host, or `network`.
    subject: str


def failing(state: PollState) -> bool:
    return state.gone or state.failures >= FAILURES


def troubled(state: PollState) -> bool:
    """Whether the operator should know: it fails, says what is not believed, or is read otherwise than configured."""
    return failing(state) or state.quarantine is not None or state.healed is not None


def remedy(source: Source, state: PollState) -> str | None:
    """What the operator can do about a source that fails or is doubted, as a sentence; None where all is well."""
    if state.gone:
        return "Its server says that it is gone for good (410). Take the source out, or give it another url."
    if state.quarantine:
        return f"If what it says now is right, run: feedwatch accept {source.id}"
    if not state.error:
        return None
    match state.http_status:
        case 401 | 403:
            return "It wants a login or keeps programs out: give it user and password, bearer, cookies or headers."
        case 404:
            return "Perhaps it has moved. Look at the site, and try its new address with feedwatch preview."
        case 429:
            return 'It wants to be asked less often. A longer interval helps, as in every = "6h".'
        case int(status) if status >= 500:
            return "Its server has trouble. It is asked again, less and less often; nothing that is stored is lost."
        case None if not source.url.startswith("file:"):
            return "It is asked again, less and less often. If it stays like that, open its address in a browser."
    return f"Look at what it says now with: feedwatch preview {source.url}"


def troubles(sources: Sequence[Source], states: Mapping[str, PollState]) -> dict[Cause, str]:
    """Each cause with a sentence for the operator.

    Sources that fail on one host are one trouble; when nothing on the network can be reached, that is one.
    """
    found: dict[Cause, str] = {}
    hosts: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        hosts[host_of(source.url)].append(source)
    bad = [source for source in sources if failing(states[source.id])]
    for source in sources:
        if (doubted := states[source.id].quarantine) and source not in bad:
            found[Cause("source-doubted", source.id)] = (
                f'The source "{source.id}" is not believed: {doubted.detail}. Its feeds stay as they are. '
                f"If it is right, run: feedwatch accept {source.id}"
            )
        elif (select := states[source.id].healed) and source not in bad:
            found[Cause("source-healed", source.id)] = (
                f'The list of posts of the source "{source.id}" is not where the configuration says any more. It is '
                f"read where its known posts stand now, with {written(select)}. "
                f"To keep that, run: feedwatch heal {source.id} --apply"
            )
    web = [source for source in sources if not source.url.startswith("file:")]
    silent = [source for source in web if failing(states[source.id]) and states[source.id].http_status is None]
    if len({host_of(s.url) for s in silent}) >= _TOGETHER and len(silent) == len(web):
        found[Cause("network-down", "network")] = (
            f"None of {len(web)} sources can be reached ({states[silent[0].id].error}). Is the network down?"
        )
        bad = [source for source in bad if source not in silent]
    for host, here in hosts.items():
        down = [source for source in bad if source in here and not states[source.id].gone]
        if host and len(down) >= _TOGETHER and len(down) * 2 > len(here):
            found[Cause("host-failing", host)] = (
                f"{len(down)} of {len(here)} sources on {host} fail: {states[down[0].id].error}"
            )
            bad = [source for source in bad if source not in down]
    for source in bad:
        state = states[source.id]
        kind: IncidentKind = "source-gone" if state.gone else "source-failing"
        found[Cause(kind, source.id)] = f'The source "{source.id}" fails: {state.error}'
    return found


def written(select: Selectors) -> str:
    """Selectors as the configuration writes them, on one line."""
    values = {field.name: getattr(select, field.name) for field in fields(select)}
    return ", ".join(f"{name} = '{value}'" for name, value in values.items() if value is not None)


def headline(incident: Incident) -> str:
    """What an incident is, in a few words; its `detail` says the rest."""
    match incident.kind:
        case "route-gone":
            return f'The alert "{incident.subject}" is switched off'
        case "route-failing":
            return f'The alert "{incident.subject}" does not get through'
        case "source-failing":
            return f'The source "{incident.subject}" fails'
        case "source-gone":
            return f'The source "{incident.subject}" is gone'
        case "source-doubted":
            return f'What the source "{incident.subject}" says is not believed'
        case "source-healed":
            return f'The source "{incident.subject}" is read with other selectors than configured'
        case "host-failing":
            return f"The sources on {incident.subject} fail"
        case "network-down":
            return "Nothing can be reached"
