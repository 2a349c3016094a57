"""What was observed, for Prometheus. Labels are ids of the configuration, so their number is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from feedwatch.health import Observed, problems

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(observed: Observed) -> bytes:
    """The text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(observed))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterator[Metric]:
        seen = self._observed
        yield _gauge("feedwatch_healthy", "Whether the service does its work.", float(not problems(seen)))
        yield _gauge("feedwatch_entries", "Entries in the feeds.", seen.entries)
        yield _gauge("feedwatch_outbox_lag_seconds", "How late the oldest delivery is.", seen.lag.total_seconds())
        yield _counts("feedwatch_polls", "Polls since the start, by status.", "status", seen.polls)
        yield _counts("feedwatch_answers", "Answers of sources, by what it took to read them.", "way", seen.answers)
        yield _counts("feedwatch_changes", "Changes found since the start, by kind.", "kind", seen.changes)
        yield _counts("feedwatch_deliveries", "Deliveries since the start, by result.", "result", seen.deliveries)
        yield from self._sources()

    def _sources(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("feedwatch_source_requests", "Requests for a source.", labels=["source"])
        unchanged = CounterMetricFamily("feedwatch_source_not_modified", "Those answered by 304.", labels=["source"])
        received = CounterMetricFamily("feedwatch_source_received_bytes", "Bytes of its bodies.", labels=["source"])
        failures = GaugeMetricFamily("feedwatch_source_failures", "Failures in a row.", labels=["source"])
        success = GaugeMetricFamily(
            "feedwatch_source_last_success_timestamp_seconds", "Its last good poll.", labels=["source"]
        )
        for source, state in self._observed.sources.items():
            requests.add_metric([source], state.requests)
            unchanged.add_metric([source], state.not_modified)
            received.add_metric([source], state.received)
            failures.add_metric([source], state.failures)
            if state.last_success:
                success.add_metric([source], state.last_success.timestamp())
        yield from (requests, unchanged, received, failures, success)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=value)


def _counts(name: str, help_: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=[label])
    for key, number in sorted(counts.items()):
        family.add_metric([key], number)
    return family
