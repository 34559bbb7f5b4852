"""Fixtures for a local index and a project; enabled by ``pytest_plugins = ["tests.support.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.index import LocalIndex
from tests.support.project import Project
from tests.support.wheels import Wheel, installed


@pytest.fixture(scope="session")
def real_pytest() -> list[Wheel]:
    """The real pytest and its requirements, packed from the environment of the tests."""
    return installed("pytest")


@pytest.fixture
def index(real_pytest: list[Wheel]) -> Iterator[LocalIndex]:
    """A local index with the real pytest on its default channel."""
    with LocalIndex() as index:
        index.add(*real_pytest)
        yield index


@pytest.fixture
def project(tmp_path: Path, index: LocalIndex) -> Callable[[str], Project]:
    """A function that makes a copy of the project with a ``matrix.toml``; its only package index is the local one."""
    return lambda matrix: Project(tmp_path, matrix, index)
