"""The view of a plan."""

from __future__ import annotations

import pytest

from scripts.views.plan import duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.4, "40 s"), (61, "1 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
