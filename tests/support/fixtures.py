"""Fixtures for a local index with the real pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import warm_caches
from tests.support.index import LocalIndex
from tests.support.matrices import matrix_text
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import Wheel, installed


@pytest.fixture(scope="session")
def real_pytest() -> list[Wheel]:
    """The real pytest and its requirements, packed from the environment of the tests."""
    return installed("pytest")


@pytest.fixture
def index(real_pytest: list[Wheel], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIndex]:
    """A local index with the real pytest on its default channel; caches are saved for it, once per URL."""
    with LocalIndex() as first:  # the next index has its URL
        if not warm_caches.known(first.url()):
            _save_caches(first, real_pytest, tmp_path_factory.mktemp("first"))
    with LocalIndex() as index:
        index.add(*real_pytest)
        yield index


def _save_caches(index: LocalIndex, wheels: list[Wheel], folder: Path) -> None:
    index.add(*wheels)
    index.add(build_torch(), channel="cpu")
    project = Project(folder, matrix_text(index, ["2.5.1"]), index)
    run = project.scripts("run")
    if run.code:
        raise RuntimeError(run.output)
    warm_caches.save(index.url(), project.root / ".matrix" / "cache")
