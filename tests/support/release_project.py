"""A project and an index with releases to bisect and scan; test modules import the fixture ``make``."""

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

#: Releases around the two changes of the fake torch, which are those of the real one.
RELEASES = ("1.9.1", "1.10.0", "1.11.0", "1.12.0", "1.12.1", "1.13.0", "1.13.1", "2.0.0", "2.1.0", "2.2.0")


@dataclasses.dataclass(frozen=True)
class ReleaseProject:
    """Runs commands of the project on some releases."""

    project: Project
    index: LocalIndex

    def bisect(self, *arguments: str, **options: Any) -> Finished:
        """Run ``python -m scripts bisect``."""
        return self.project.scripts("bisect", *arguments, **options)

    def bisect_json(self, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
        """Run ``python -m scripts bisect``, and return its report as JSON."""
        done = self.bisect(*arguments, "--format", "json", **options)
        assert done.code == code, done.output
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def scan(self, *arguments: str, **options: Any) -> Finished:
        """Run ``python -m scripts scan``."""
        return self.project.scripts("scan", *arguments, **options)

    def forget(self) -> None:
        """Forget the requests so far."""
        self.index.forget()


def changes(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the releases on both sides of every change."""
    return [(_release(each["before"]["cell"]), _release(each["after"]["cell"])) for each in report["findings"]]


def ran(report: Mapping[str, Any]) -> list[str]:
    """Return the releases that were run."""
    return [_release(step["cell"]) for step in report["steps"] if step["origin"] == "run"]


def rounds(done: Finished) -> list[int]:
    """Return the number of cells in each round."""
    return [int(total) for nth, total in re.findall(r"^ +\[(\d+)/(\d+)\] ", done.stderr, re.MULTILINE) if nth == "1"]


def _release(cell: str) -> str:
    return cell.partition("-")[0]


@functools.cache
def _pytest() -> Sequence[Wheel]:
    return installed("pytest")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., ReleaseProject]]:
    """A function that makes a project whose index has releases of the build ``cpu``, with behaviours by release."""
    with LocalIndex() as index:
        index.add(*_pytest())

        def make(*releases: str, behaviours: Mapping[str, Behaviour] | None = None, **options: Any) -> ReleaseProject:
            for release in releases:
                index.add(build_torch(release, behaviour=(behaviours or {}).get(release)), channel="cpu")
            text = matrix_text(index, releases, pythons=[PYTHON], **options)
            return ReleaseProject(Project(tmp_path, text, index), index)

        yield make
