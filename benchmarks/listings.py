"""How well the posts of listings are found without selectors, and what it costs.

    python benchmarks/listings.py [FOLDER]

FOLDER holds pages with what is expected of them beside, as fixtures/listings does.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from feedwatch import readers
from feedwatch.errors import ReadError
from feedwatch.model import Reading, Source

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(body: bytes, url: str, rule: tuple[str, ...] = ()) -> Reading | None:
    try:
        return readers.read(body, url=url, headers={}, source=Source("page", url), now=NOW, rule=rule)
    except ReadError:
        return None


def cost(body: bytes, url: str, rule: tuple[str, ...] = ()) -> float:
    """Seconds of one core, the best of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        read(body, url, rule)
        times.append(time.process_time() - began)
    return min(times)


def main(folder: Path) -> None:
    sums: Counter[str] = Counter()
    detect = again = 0.0
    for page in sorted(folder.glob("*.html")):
        wanted = json.loads(page.with_suffix(".json").read_text("utf-8"))
        body, url = page.read_bytes(), wanted["url"]
        found = read(body, url)
        expected = {entry["link"]: entry for entry in wanted["entries"]}
        got = {entry.link: entry for entry in found.entries} if found else {}
        both = expected.keys() & got.keys()
        dated = {link for link in both if expected[link]["published"]}
        sums["pages"] += 1
        sums["exact"] += expected.keys() == got.keys()
        sums["hit"] += len(both)
        sums["expected"] += len(expected)
        sums["got"] += len(got)
        sums["titles"] += sum(got[link].title == expected[link]["title"] for link in both)
        sums["dates given"] += len(dated)
        sums["dates right"] += sum(
            (published.stated[:10] if (published := got[link].published) else "") == expected[link]["published"][:10]
            for link in dated
        )
        sums["dates made up"] += sum(got[link].published is not None for link in both - dated)
        detect += cost(body, url)
        again += cost(body, url, found.rule) if found else 0.0
    precision, recall = sums["hit"] / max(1, sums["got"]), sums["hit"] / max(1, sums["expected"])
    print(f"pages exactly right  {sums['exact']} of {sums['pages']}")
    print(f"entries F1           {2 * precision * recall / max(1e-9, precision + recall):.3f}")
    print(f"titles right         {sums['titles']} of {sums['hit']}")
    print(f"dates right          {sums['dates right']} of {sums['dates given']}, made up {sums['dates made up']}")
    print(f"detection            {1000 * detect / sums['pages']:.0f} ms a page")
    print(f"with a kept rule     {1000 * again / sums['pages']:.0f} ms a page")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "fixtures" / "listings")
