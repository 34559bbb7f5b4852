"""Fixtures of what is here; a ``conftest.py`` takes them by ``pytest_plugins = ["tests.support.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.index import LocalIndex
from tests.support.project import Project
from tests.support.wheels import Wheel, installed


@pytest.fixture(scope="session")
def real_pytest() -> list[Wheel]:
    """The real pytest and what it needs, packed from the tests' own environment."""
    return installed("pytest")


@pytest.fixture
def index(real_pytest: list[Wheel]) -> Iterator[LocalIndex]:
    """A local index whose default channel has the real pytest."""
    with LocalIndex() as index:
        index.add(*real_pytest)
        yield index


@pytest.fixture
def project(tmp_path: Path, index: LocalIndex) -> Callable[[str], Project]:
    """Makes a copy of the project from the text of its ``matrix.toml``; it takes all from the local index."""
    return lambda matrix: Project(tmp_path, matrix, index)
