"""What is served: the public folder and nothing else, with the headers that readers and browsers need."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from feedwatch.health import Observed, one_line
from feedwatch.model import PollState
from feedwatch.web import application


@pytest.fixture
def public(tmp_path: Path) -> Path:
    folder = tmp_path / "state" / "public"
    (folder / "feeds").mkdir(parents=True)
    (folder / "feeds" / "data.atom").write_text("<feed/>")
    (folder / "feeds.opml").write_text("<opml/>")
    (folder / "index.html").write_text("<p>index</p>")
    (tmp_path / "state" / "secret.json").write_text("secret")
    return folder


NOW = datetime(2024, 11, 1, tzinfo=UTC)
WELL = Observed(
    at=NOW,
    ticked=NOW,
    sources={"blog": PollState(requests=7, not_modified=3, received=1234, last_success=NOW), "news": PollState()},
    polls={"ok": 4, "unchanged": 3},
    answers={"quick": 2},
    changes={"new": 2},
    deliveries={"delivered": 5, "dead": 1},
    entries=40,
)


def ask(
    public: Path,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    *,
    observed: Observed = WELL,
) -> httpx.Response:
    async def observe() -> Observed:
        return observed

    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(app=application(public, observe))
        async with httpx.AsyncClient(transport=transport, base_url="http://feeds.example") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/feeds/data.atom", "application/atom+xml"),
        ("/feeds.opml", "text/x-opml"),
        ("/healthz", "application/json"),
        ("/healthz/blog", "application/json"),
        ("/metrics", "text/plain; version=0.0.4"),
    ],
)
def test_s22_each_thing_has_its_media_type_and_is_hardened(public: Path, path: str, media_type: str) -> None:
    answer = ask(public, path)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_c10_a_reader_that_has_the_feed_gets_304(public: Path) -> None:
    first = ask(public, "/feeds/data.atom")

    again = ask(public, "/feeds/data.atom", headers={"If-None-Match": first.headers["etag"]})
    since = ask(public, "/feeds/data.atom", headers={"If-Modified-Since": first.headers["last-modified"]})

    assert (again.status_code, again.content) == (304, b"")
    assert since.status_code == 304


def test_s21_head_has_no_body_and_other_methods_are_refused(public: Path) -> None:
    head = ask(public, "/feeds/data.atom", "HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert {ask(public, "/feeds/data.atom", method).status_code for method in ("POST", "PUT", "DELETE")} == {405}


@pytest.mark.parametrize(
    "path",
    ["/../secret.json", "/%2e%2e/secret.json", "/feeds/..%2f..%2fsecret.json", "/.//secret.json", "/..\\secret.json"],
)
def test_s17_nothing_outside_the_public_folder_is_served(public: Path, path: str) -> None:
    answer = ask(public, path)

    assert answer.status_code == 404
    assert "secret" not in answer.text


# --- for machines --------------------------------------------------------------------------------------

FAILING = PollState(failures=3, status="failed", error="HTTP 500")


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (replace(WELL, ticked=None), "nothing has looked"),
        (replace(WELL, ticked=NOW - timedelta(minutes=2)), "nothing has looked"),
        (replace(WELL, store_error="disk full"), "disk full"),
        (replace(WELL, sources={"a": FAILING, "b": FAILING}), "every source fails"),
        (replace(WELL, waiting={"hook": NOW - timedelta(hours=2)}), "120 minutes late"),
    ],
)
def test_a_service_that_does_not_do_its_work_is_503_with_the_reason(
    public: Path, observed: Observed, said: str
) -> None:
    answer = ask(public, "/healthz", observed=observed)

    assert answer.status_code == 503
    assert said in " ".join(answer.json()["problems"])
    assert said in one_line(observed)


def test_one_failing_source_is_named_and_is_not_the_services_fault(public: Path) -> None:
    observed = replace(WELL, sources={"good": PollState(), "bad": FAILING, "hiccup": PollState(failures=1)})

    answer = ask(public, "/healthz", observed=observed)

    assert (answer.status_code, answer.json()["failing"]) == (200, {"bad": "HTTP 500"})
    assert ask(public, "/healthz/bad", observed=observed).status_code == 503
    assert ask(public, "/healthz/bad", observed=observed).json()["problems"] == ["HTTP 500"]
    assert ask(public, "/healthz/hiccup", observed=observed).status_code == 200
    assert ask(public, "/healthz/nobody", observed=observed).status_code == 404


def test_a_delivery_that_is_held_on_purpose_is_not_late(public: Path) -> None:
    observed = replace(WELL, waiting={"hook": NOW - timedelta(hours=9)}, gone=frozenset({"hook"}))

    assert ask(public, "/healthz", observed=observed).status_code == 200


def test_metrics_count_what_happened(public: Path) -> None:
    text = ask(public, "/metrics").text

    for line in (
        "feedwatch_healthy 1.0",
        "feedwatch_entries 40.0",
        'feedwatch_polls_total{status="ok"} 4.0',
        'feedwatch_changes_total{kind="new"} 2.0',
        'feedwatch_answers_total{way="quick"} 2.0',
        'feedwatch_deliveries_total{result="delivered"} 5.0',
        'feedwatch_source_requests_total{source="blog"} 7.0',
        'feedwatch_source_not_modified_total{source="blog"} 3.0',
        'feedwatch_source_received_bytes_total{source="blog"} 1234.0',
        "feedwatch_outbox_lag_seconds 0.0",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("path", ["/healthz", "/healthz/blog", "/metrics", "/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_s21_nothing_can_be_changed_through_the_web(public: Path, path: str, method: str) -> None:
    assert ask(public, path, method).status_code == 405
