"""The law of the floors: imports point down only, and each risky package has one owner."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from workbench import ROOT

PACKAGE = ROOT / "feedwatch"

#: Lowest floor first. A module may import from its own floor and from those below.
FLOORS = (
    ("ground", ("model", "errors", "canonical", "failpoints", "categories", "hours", "guard",
                "redact", "logs", "memory", "remembered", "decoding", "headers", "discreet", "spoken",
                "__init__")),
    ("pure", ("places", "toml_lines", "config", "config_build", "config_tables", "config_models",
              "config_values", "config_variables", "config_problems", "config_edit", "config_reference",
              "subscriptions", "selection",
              "taking", "targets", "replay.play", "replay.difference",
              "replay.__init__", "readers", "differ", "routes", "entryjson", "health", "troubles",
              "alerts.message", "alerts.wording", "alerts.text", "alerts.mail", "alerts.retry", "alerts.__init__",
              "poller.walk", "poller.schedule", "poller.caching", "poller.moves", "poller.aftermath", "poller.robots",
              "poller.rhythm", "poller.__init__",
              "generator.atom", "generator.jsonfeed", "generator.rss", "generator.parts",
              "generator.opml", "generator.html", "generator.incidents", "generator.edits",
              "generator.__init__")),
    ("edge", ("net", "curl", "sending", "files", "poller.fetch", "poller.chromium", "poller.gate", "poller.browser",
              "poller.rendering", "store", "generator.publish", "generator.pieces", "generator.tidy",
              "alerts.webhook", "alerts.smtp", "alerts.notify", "alerts.channels", "worker", "workers", "spawner",
              "web", "websub", "sd", "responses")),
    ("flow", ("once",
              "alerts.gather", "alerts.incidents", "alerts.outbox", "paging", "following", "healing",
              "pipeline", "publishing", "recording", "storethread", "replay.run")),
    ("roof", ("app", "opening", "service", "cli", "__main__")),
)  # fmt: skip

OWNERS = {
    "pydantic": ("config_models", "config_problems"),
    "tomli": ("config", "config_reference", "toml_lines"),
    "httpx": ("sending",),
    "pycurl": ("curl",),
    "idna": ("targets",),
    "tinydb": ("store.sourcefile",),
    "feedgen": ("generator.atom", "generator.rss"),
    "feedparser": ("readers.feed",),
    "bs4": ("readers",),
    "trafilatura": ("readers.article",),
    "nh3": ("readers",),
    "apscheduler": ("service",),
    "starlette": ("web",),
    "uvicorn": ("web",),
    "socket": ("net", "curl", "web", "sd", "alerts.notify", "worker", "workers", "spawner"),
    "prometheus_client": ("web.metrics",),
    "protego": (
        "poller.robots",
        "poller.rhythm",
    ),
    "smtplib": (),
    "aiosmtplib": ("alerts.smtp",),
    "apprise": ("alerts.notify",),
    "urllib.request": (),
    "rich": ("cli",),
    "playwright": ("poller.browser",),
}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), ast.parse(path.read_text("utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _matches(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") or module == f"{name}.__init__" for name in names)


def _floor(module: str) -> int:
    found = [number for number, (_, names) in enumerate(FLOORS) if _matches(module, names)]
    return found[0] if found else -1


def test_every_module_has_a_floor() -> None:
    assert [name for name, _ in _modules() if _floor(name) < 0] == []


def test_imports_point_down_only() -> None:
    wrong = []
    known = {name for name, _ in _modules()}
    for name, tree in _modules():
        for target in _imports(tree):
            inner = target.removeprefix("feedwatch.")
            module = inner if inner in known else f"{inner}.__init__"
            if target.startswith("feedwatch.") and module in known and _floor(module) > _floor(name):
                wrong.append(f"{name} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("package", OWNERS)
def test_s5_each_package_has_one_owner(package: str) -> None:
    users = {
        name
        for name, tree in _modules()
        if any(target == package or target.startswith(f"{package}.") for target in _imports(tree))
    }

    assert {name for name in users if not _matches(name, OWNERS[package])} == set()


def test_the_ground_floor_stands_on_the_standard_library_and_values_on_msgspec() -> None:
    import sys

    ground = FLOORS[0][1]
    used = {target.split(".")[0] for name, tree in _modules() if _matches(name, ground) for target in _imports(tree)}

    assert used - set(sys.stdlib_module_names) <= {"feedwatch", "msgspec"}
