"""docs/configuration.md: made of the code, so that it cannot say anything else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from workbench import ROOT

from feedwatch import config, config_reference

EXAMPLE = (ROOT / "feedwatch" / "config.example.toml").read_text("utf-8")
ENVIRON = {
    "HANDBOOK_PASSWORD": "p", "HANDBOOK_SESSION": "s", "CHANGELOG_TOKEN": "t", "SMTP_PASSWORD": "m",
    "FEEDWATCH_HOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "NTFY_TOPIC": "topic",
    "ROLLOUTS_TOKEN": "0123456789abcdef0123456789abcdef",
    "FEEDWATCH_TOKEN": "fedcba9876543210fedcba9876543210",
}  # fmt: skip


def _keys(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for name, table in schema["$defs"].items():
        for key, described in table["properties"].items():
            yield name, key, described


def test_the_page_is_the_one_of_this_version() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")

    assert page == config_reference.markdown(config.schema(), EXAMPLE), "make docs"


def test_every_table_and_key_is_described() -> None:
    schema = config.schema()

    assert [name for name, table in schema["$defs"].items() if not table.get("description")] == []
    assert [
        f"{name}.{key}" for name, key, said in _keys(schema) if "$ref" not in str(said) and not said.get("description")
    ] == []


def test_the_example_is_a_good_configuration(tmp_path: Path) -> None:
    parsed = config.parse(EXAMPLE, tmp_path / "config.toml", ENVIRON)

    assert len(parsed.sources) == 4
    assert len(parsed.routes) == 3


def test_a_key_without_an_example_is_an_error_that_names_it() -> None:
    without = EXAMPLE.replace('per_host_pause = "3s"\n', "")

    assert tomllib.loads(without)["network"]
    with pytest.raises(KeyError, match="per_host_pause"):
        config_reference.markdown(config.schema(), without)


def test_each_value_says_what_it_is_and_between_what_bounds() -> None:
    page = config_reference.markdown(config.schema(), EXAMPLE)

    assert (
        '| `per_host_pause` | Pause between two requests to one host. | duration | `"1s"` | `per_host_pause = "3s"` |'
        in page
    )
    assert "whole number, 1 to 1000" in page
    assert '| duration, or `"auto"` |' in page
    assert "| must be given |" in page
    assert "feedwatch &lt;alerts@example.org>" in page
