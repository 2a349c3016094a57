"""State folders that the pages are shown with: an ordinary one, one of long and foreign words, a hostile one, one with
nothing in it, and a large one."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path
from unittest import mock

from msgspec.structs import replace
from site_pages import NOW, Site, post, sources_toml

from feedwatch.model import About, Entry, Incident, Quarantine, Text

ALERTS = """
[[alert]]
id = "team-hook"
webhook = "https://hooks.example.org/feedwatch/a-token-that-nobody-may-see"
[[alert]]
id = "editors"
webhook = "https://hooks.example.net/"
when = ["edited"]
categories = ["Machine Learning"]
"""
WORDS = (
    "streaming pipelines latency models training batch query planner cache index replica shard consensus queue "
    "observability tracing rollout incident recovery schema migration compiler runtime garbage collector network"
)
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</title></textarea></style><svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<form action=//evil.example><button formaction=javascript:alert(1)>x</button></form>",
    "</script><script src=//evil.example/x.js></script>",
    "<base href=//evil.example/><meta http-equiv=refresh content=0;url=//evil.example>",
    "<a href='//evil.example' style='position:fixed;inset:0' id=main class=skip>x</a>",
    "\u202egpj.exe",
)


def _sentence(rng: random.Random, length: int) -> str:
    return " ".join(rng.choices(WORDS.split(), k=length)).capitalize() + "."


def ordinary(folder: Path) -> Site:
    """Some blogs, with edits, deliveries, an incident and a source in trouble."""
    rng = random.Random(7)  # noqa: S311
    site = Site(folder, sources_toml("engineering", "research", "design", "releases", "quiet", more=ALERTS))
    for number, source in enumerate(("engineering", "research", "design", "releases"), 1):
        entries = [_blogged(rng, source, at, days=(at - 1) * number * 2 + at % 3) for at in range(1, 26)]
        about = About(title=f"The {source} blog", link=f"https://{source}.example.org/")
        site.reads(source, *entries[1:], about=about)
        site.reads(source, *entries, about=about)
        if source != "design":
            first = replace(entries[0], summary=Text(_edited(entries[0])), title=f"{entries[0].title}, continued")
            site.reads(source, first, *entries[1:], about=about)
    site.fails("releases", "HTTP 403 Forbidden at https://releases.example.org/feed", status=403, failures=5)
    site.incident(
        Incident(
            "i1",
            "source-failing",
            "releases",
            'The source "releases" fails: HTTP 403 Forbidden',
            NOW - timedelta(days=1),
        )
    )
    site.incident(
        Incident(
            "i2", "network-down", "network", "None of 5 sources can be reached. Is the network down?",
            NOW - timedelta(days=9), NOW - timedelta(days=8),
        )
    )  # fmt: skip
    doubted = Quarantine(
        "rebuilt", "the page was rebuilt, and what looks like its list has 1 of 24 known entries", NOW, 2
    )
    site.store.remember("design", replace(site.store.state("design"), quarantine=doubted, error=doubted.detail))
    _settle_some(site)
    site.publish()
    return site


def _blogged(rng: random.Random, source: str, at: int, *, days: int) -> Entry:
    title = _sentence(rng, rng.randint(3, 9)).rstrip(".")
    html = (
        f"<p>{_sentence(rng, 40)} <a href='https://example.org/x'>{_sentence(rng, 3)}</a> {_sentence(rng, 30)}</p>"
        f"<h2>{_sentence(rng, 4)}</h2><ul><li>{_sentence(rng, 8)}</li><li>{_sentence(rng, 6)}</li></ul>"
        f"<figure><img src='https://example.org/p.png' alt='A plot of latency'></figure>"
        f"<pre><code>def walk(tree):\n    yield from tree\n</code></pre><p>{_sentence(rng, 50)}</p>"
    )
    names = ("Machine Learning", "Infrastructure", "Culture", "Data", "Web", "Security")
    categories = tuple(rng.sample(names, rng.randint(1, 2)))
    return post(
        at, title, _sentence(rng, 45), html=html, categories=categories, days=days, site=source, author="Ada Lindqvist"
    )


def _edited(entry: Entry) -> str:
    assert entry.summary is not None
    words = entry.summary.value.split()
    return " ".join([*words[:5], "and", "then", "slowly", *words[9:30], "again", *words[33:]])


def _settle_some(site: Site) -> None:
    for at, claim in enumerate(site.store.claim("team-hook", NOW + timedelta(days=9), 100)):
        if at % 3 == 0:
            row = replace(
                claim.delivery,
                status="dead",
                attempts=9,
                settled=site.now,
                last_error="HTTP 500 from hooks.example.org",
            )
            site.store.settle([(claim.source_id, row)])
        elif at % 3 == 1:
            site.store.settle([
                (claim.source_id, replace(claim.delivery, status="delivered", attempts=1, settled=site.now))
            ])  # fmt: skip


def foreign(folder: Path) -> Site:
    """Long words without a space, very long titles, scripts that run from right to left, no dates, no text."""
    site = Site(folder, sources_toml("langwort", "arabic", "hebrew", "cjk", more=ALERTS))
    long = "Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel" * 4
    about = About(title="W" * 200)
    first = [
        post(1, long, long + " " + long, categories=(long[:90], "Data"), author=long),
        post(
            2, " ".join(["A title that does not want to end and goes on"] * 12), "x" * 900, html=f"<p>{'y' * 3000}</p>"
        ),
        post(3, "", "", categories=()),
        post(4, "Table", html=f"<table><tr>{'<td>wide</td>' * 60}</tr></table><pre>{'z' * 400}</pre>"),
        post(5, "Link", link="https://langwort.example.org/" + "a" * 600),
    ]
    site.reads("langwort", *first, about=about)
    site.reads("langwort", replace(first[0], title=f"{long} {long}", summary=Text("kurz")), *first[1:], about=about)
    arabic = "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 "
    site.reads(
        "arabic",
        *(
            post(n, arabic * 3 + str(n), arabic * 30, html=f"<p>{arabic * 40}</p><ul><li>{arabic}</li></ul>",
                 categories=(arabic.strip(),), site="arabic", author=arabic, language="ar")
            for n in range(1, 9)
        ),
        about=About(title=arabic * 2, language="ar"),
    )  # fmt: skip
    hebrew = "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd "
    site.reads("hebrew", post(1, hebrew + "(C++) 2.0!", hebrew * 20, categories=(hebrew.strip(),), site="hebrew"))
    cjk = "\u8a2d\u8a08\u3068\u5b9f\u88c5\u306b\u3064\u3044\u3066"
    site.reads("cjk", post(1, cjk * 12, cjk * 60, categories=(cjk,), site="cjk", language="ja"))
    site.fails("cjk", "the answer could not be read: " + "e" * 500)
    site.publish()
    return site


def hostile(folder: Path) -> Site:
    """Each payload in each field that a source, its server or a receiver fills."""
    site = Site(folder, sources_toml("evil", "worse", more=ALERTS))
    entries = []
    for n, payload in enumerate(PAYLOADS, 1):
        one = post(
            n, payload, payload, html=f"<p>{payload}</p>{payload}", categories=(payload,), site="evil", author=payload
        )
        entries.append(
            replace(
                one, id=payload, link=f"https://evil.example.org/?{payload}", rights=payload, language="en",
                image=f"https://evil.example.org/{payload}",
            )
        )  # fmt: skip
    about = About(title=PAYLOADS[0], description=PAYLOADS[1], link=PAYLOADS[3], icon=PAYLOADS[3])
    site.reads("evil", *entries[1:], about=about)
    site.reads("evil", *entries, about=about)
    changed = [replace(one, summary=Text(f"{one.title} now with {one.title}")) for one in entries]
    site.reads("evil", *changed, about=about)
    site.fails("worse", "".join(PAYLOADS))
    site.incident(Incident("i1", "host-failing", PAYLOADS[0], PAYLOADS[1], NOW))
    for claim in site.store.claim("team-hook", NOW + timedelta(days=9), 100):
        row = replace(claim.delivery, status="dead", settled=NOW, last_error=PAYLOADS[0], answer=PAYLOADS[1])
        site.store.settle([(claim.source_id, row)])
    site.publish()
    return site


def empty(folder: Path) -> Site:
    """One source that was never polled, and nobody to tell."""
    return Site(folder, sources_toml("blog"))


def large(folder: Path, number: int = 10_000) -> Site:
    """So many sources, a third of them with trouble, with twenty entries each in one of a thousand categories."""
    ids = [f"source-{n:05}" for n in range(number)]
    site = Site(folder, sources_toml(*ids, more=ALERTS))
    rng = random.Random(3)  # noqa: S311
    # Ten thousand syncs would take minutes and prove nothing here.
    with mock.patch.object(os, "fsync"):
        for n, one in enumerate(ids):
            site.now = NOW - timedelta(minutes=rng.randint(1, 3000))
            category = f"Category {n % 1000}"
            entries = [
                post(k, f"{_sentence(rng, 5)} {n}-{k}", _sentence(rng, 30), categories=(category, "Everything"),
                     days=k * (n % 9 + 1), site=one)
                for k in range(20)
            ]  # fmt: skip
            site.reads(one, *entries, about=About(title=f"Blog number {n}"))
            if n % 50 == 0:
                site.reads(one, post(99, f"News of {n}", categories=(category,), site=one, days=0), *entries)
            if n % 3 == 0:
                site.fails(
                    one, f"HTTP {404 if n % 2 else 503} at https://{one}.example.org/feed", status=404 if n % 2 else 503
                )
        site.now = NOW
        stale = site.store.unpublished()
        site.store.published(stale)
    return site
