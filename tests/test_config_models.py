"""The two that read the tables of config.toml, one that is quick and one that tells all mistakes, accept the same."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_reference import ENVIRON, EXAMPLE
from workbench import ROOT

from feedwatch.config import parse
from feedwatch.config_models import model_of, wrong
from feedwatch.config_tables import File
from feedwatch.config_variables import Variables
from feedwatch.errors import ConfigError

Path_ = tuple[str | int, ...]

MISTAKES = sorted((ROOT / "fixtures" / "config").glob("*.toml"))
GOOD = Variables(ENVIRON, ROOT, Path.read_bytes).fill(tomllib.loads(EXAMPLE))
_VALUES = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans() | st.floats() | st.dates() | st.sampled_from(["1h", "a@href"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def _places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where the example has a value, whole tables among them."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, held in inner:
        yield (*path, part)
        yield from _places(held, (*path, part))


def _with(path: Path_, value: object) -> Any:
    tree = deepcopy(GOOD)
    table: Any = tree
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    return tree


def _agree(tree: Any) -> None:
    try:
        found = msgspec.convert(tree, File, strict=True)
    except msgspec.ValidationError:
        assert wrong(tree)
    else:
        assert wrong(tree) == []
        assert msgspec.to_builtins(found) == model_of(File).model_validate(tree).model_dump(by_alias=True)


def test_the_example_means_the_same_to_both() -> None:
    _agree(GOOD)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_is_one_to_both(mistake: Path) -> None:
    try:
        tree = tomllib.loads(mistake.read_text("utf-8"))
    except tomllib.TOMLDecodeError:
        pytest.skip("is no TOML")
    _agree(tree)


@given(st.sampled_from(list(_places(GOOD))), _VALUES)
def test_any_value_in_any_place_is_right_or_wrong_to_both(path: Path_, value: object) -> None:
    _agree(_with(path, value))


def test_a_variable_that_is_no_text_is_told() -> None:
    text = '[[source]]\nid = "blog"\nurl = "https://blog.example.org/"\ntitle = "${NAME}"\n'

    with pytest.raises(ConfigError) as told:
        parse(text, Path("config.toml"), {"NAME": b"Bj\xf6rn".decode("utf-8", "surrogateescape")})

    assert told.value.problems == ('config.toml:4:1: source "blog": title: is not valid text (UTF-8)',)
