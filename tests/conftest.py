"""Fixtures that several suites share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from origin import Origin, serving


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A real HTTP server on loopback; also the receiver of webhooks."""
    with serving() as made:
        yield made
