"""A project and an index with releases to bisect and scan; test modules import the fixture ``chase``."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.behaviour import Behaviour
from tests.support.index import LocalIndex
from tests.support.matrices import PYTHON, matrix_text
from tests.support.project import Finished, Project
from tests.support.torches import build_torch
from tests.support.wheels import Wheel, installed

#: Releases around the two changes that the fake torch has, as the real one.
RELEASES = ("1.9.1", "1.10.0", "1.11.0", "1.12.0", "1.12.1", "1.13.0", "1.13.1", "2.0.0", "2.1.0", "2.2.0")


@dataclasses.dataclass(frozen=True)
class Chase:
    """Runs the project's commands, and tells what they came to."""

    project: Project
    index: LocalIndex

    def bisect(self, *arguments: str, **options: Any) -> Finished:
        """``python -m scripts bisect``, with its own exit codes."""
        return self.project.scripts("bisect", *arguments, **options)

    def found(self, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
        """What a bisection found, as JSON."""
        done = self.bisect(*arguments, "--format", "json", **options)
        assert done.code == code, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def scan(self, *arguments: str, **options: Any) -> Finished:
        """``python -m scripts scan``."""
        return self.project.scripts("scan", *arguments, **options)

    def forget(self) -> None:
        """Forget the requests so far."""
        self.index.forget()


def changes(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The releases on both sides of every change."""
    return [(_release(one["before"]["cell"]), _release(one["after"]["cell"])) for one in found["findings"]]


def ran(found: Mapping[str, Any]) -> list[str]:
    """The releases that were run for it."""
    return [_release(step["cell"]) for step in found["steps"] if step["origin"] == "run"]


def rounds(done: Finished) -> list[int]:
    """How many cells each round had."""
    return [int(total) for nth, total in re.findall(r"^ +\[(\d+)/(\d+)\] ", done.stderr, re.MULTILINE) if nth == "1"]


def _release(cell: str) -> str:
    return cell.partition("-")[0]


@functools.cache
def _pytest() -> Sequence[Wheel]:
    return installed("pytest")


@pytest.fixture
def chase(tmp_path: Path) -> Iterator[Callable[..., Chase]]:
    """Makes a project whose index has releases, on the build ``cpu``, with behaviours by release."""
    with LocalIndex() as index:
        index.add(*_pytest())

        def make(*releases: str, behaviours: Mapping[str, Behaviour] | None = None, **options: Any) -> Chase:
            for release in releases:
                index.add(build_torch(release, behaviour=(behaviours or {}).get(release)), channel="cpu")
            return Chase(Project(tmp_path, matrix_text(index, releases, pythons=[PYTHON], **options), index), index)

        yield make
