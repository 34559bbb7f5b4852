"""Fixtures: a copy of the project, and an index with the real pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.fixtures import index, real_pytest
from tests.support.index import LocalIndex
from tests.support.matrices import matrix_text
from tests.support.project import Project

__all__ = ["MakeProject", "index", "project", "real_pytest"]


class MakeProject(Protocol):
    """Makes a copy of the project whose default selection is these releases; options as of `matrix_text`."""

    def __call__(self, *releases: str, **options: Any) -> Project: ...


@pytest.fixture
def project(tmp_path: Path, index: LocalIndex) -> MakeProject:
    """See `MakeProject`."""
    return lambda *releases, **options: Project(tmp_path, matrix_text(index, releases, **options), index)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; `tests.support.find_browser` finds the tests that need one by this name."""
    with chromium() as browser:
        yield browser
