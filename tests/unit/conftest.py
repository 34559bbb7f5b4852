"""Settings of the property tests, and the option that writes the golden files anew."""

from __future__ import annotations

import pytest
from hypothesis import settings

# Timings are benchmarks: a busy machine is no reason for a test to fail.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/unit/views/test_golden.py --update-golden``; `git diff` then shows what changed."""
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/unit/views/golden/ anew, instead of comparing"
    )
