"""Settings of the property tests, and the option that updates the golden files."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A busy machine must not fail a test.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest tests/unit/views/test_golden.py --update-golden``; `git diff` then shows what changed."""
    parser.addoption(
        "--update-golden", action="store_true", help="update tests/unit/views/golden/ instead of comparing"
    )
