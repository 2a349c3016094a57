"""A service at rest is small: nothing that it did before stays behind."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
from workbench import ROOT

_SCATTERED = """
from pathlib import Path
from feedwatch.memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytes(20_000) for _ in range(4_000)]
for at in range(len(blocks)):
    if at % 20:
        blocks[at] = None
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_was_freed_between_things_that_stay_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", _SCATTERED], capture_output=True, text=True, check=True, cwd=ROOT)

    assert int(done.stdout) > 40_000_000
