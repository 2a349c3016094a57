"""The table of faults names tests that exist, and leaves out no fault."""

from __future__ import annotations

import ast
import re

from workbench import ROOT

ROWS = re.findall(r"^\| ([SFT]\d+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs" / "faults.md").read_text("utf-8"), re.M)
PROMISED = {
    *(f"S{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 19, 20, 21, 22, 23)),
    *(f"F{n}" for n in (8, 12, 13, 14, 15, 16, 17, 18, 19, 20, *range(31, 46))),
}


def _tests() -> dict[str, set[str]]:
    """Names of the test functions of each file."""
    return {
        path.name: {
            node.name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        }
        for path in (ROOT / "tests").glob("test_*.py")
    }


def test_every_fault_has_its_row_and_none_has_two() -> None:
    numbers = [number for number, _, _ in ROWS]

    assert PROMISED - set(numbers) == set()
    assert len(numbers) == len(set(numbers))


def test_every_test_in_the_table_exists_and_carries_its_number() -> None:
    tests, wrong = _tests(), []
    for number, _, kept_by in ROWS:
        named = re.findall(r"`([\w.]+)::(\w+)`", kept_by)
        assert named, number
        for file, name in named:
            if name not in tests.get(file, set()) or f"_{number.lower()}_" not in name:
                wrong.append(f"{number}: {file}::{name}")

    assert wrong == []
