"""Subjects of the benchmark: this project, and plain noxfiles as a maintainer would write them for the same cells.

Each subject has its own folder with all its caches, and runs with the real nox. The plain ones do the same job: an
environment for each release, with that torch, the same pins and pytest, and the same tests.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import paths
from scripts.index import settings, sources
from scripts.run import environments, interpreters, locks, pytest_runs
from tests.bench.result import PROJECT, Phase

#: The project's disk budget: enough for the four compared releases, so that a warm run finds all of them cached.
DISK: Final = "20GB"

#: Files and folders of this project that it needs to run.
PROJECT_FILES: Final = ("noxfile.py", "pyproject.toml", "matrix.toml", "scripts", "tests/cells")

#: Variables that would change a subject's behaviour from that on a maintainer's machine.
_REMOVED_VARIABLES: Final = (
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "PYTEST_ADDOPTS"),
    *("NOXSESSION", "NOXPYTHON", "CI", "MATRIX_EVENTS", "UV_CACHE_DIR"),
)

_NOXFILE: Final = '''"""Written by `nox -s bench`: the minimum for testing some releases of torch."""

import nox

CELLS = {cells}


@nox.session(venv_backend={backend!r}{parallel})
@nox.parametrize("python,torch", [nox.param(python, torch, id=torch) for torch, (python, _) in CELLS.items()])
def tests(session, torch):
    _, requirements = CELLS[torch]
    session.install("torch==" + torch, *requirements)
    # Some tests fail under some releases, as expected.
    events = {{"MATRIX_EVENTS": {events!r} + "/" + torch + ".jsonl"}}
    session.run("pytest", {tests!r}, env=events, success_codes=[0, 1])
'''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain:
    """A plain noxfile: the backend of its environments, and the number of sessions at once."""

    name: str
    backend: str
    jobs: int = 1


PLAIN: Final = (
    Plain(name="pip", backend="virtualenv"),
    Plain(name="uv", backend="uv"),
    Plain(name="uv -j2", backend="uv", jobs=2),
)


class Subject:
    """A subject in its folder."""

    def __init__(self, name: str, folder: Path, cells: Sequence[Cell]) -> None:
        self.name, self.folder, self.cells = name, folder, cells

    @property
    def root(self) -> Path:
        """The folder of its noxfile."""
        return self.folder / "project"

    def command(self, phase: Phase) -> list[str]:
        """Return the command of a phase."""
        raise NotImplementedError

    def prepare(self, phase: Phase) -> None:
        """Set up the initial state of a phase."""
        raise NotImplementedError

    def tests(self) -> int:
        """Return the number of tests with a verdict in the last run, over all cells."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the user's environment variables, with caches and temporary files in the subject's folder."""
        env = {name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES}
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **env,
            **settings.read().variables,
            "PATH": interpreters.environment()["PATH"],
            "PIP_CACHE_DIR": str(self.folder / "cache" / "pip"),
            "UV_CACHE_DIR": str(self.folder / "cache" / "uv"),
            "TMPDIR": str(temporary),
            "NOX_SCRIPT_MODE": "none",  # use the installed nox
        }


class PlainSubject(Subject):
    """A plain noxfile."""

    def __init__(self, plain: Plain, folder: Path, cells: Sequence[Cell], matrix: Matrix) -> None:
        super().__init__(plain.name, folder, cells)
        self.plain = plain
        self.events = folder / "events"
        shutil.copytree(paths.ROOT / "tests" / "cells", self.root / "tests" / "cells")
        (self.root / "noxfile.py").write_text(noxfile(plain, cells, matrix, self.events), encoding="utf-8")

    def command(self, phase: Phase) -> list[str]:
        """Return nox's command; where there is nothing to do, it reuses the environments without installing."""
        parallel = [f"-j{self.plain.jobs}"] if self.plain.jobs > 1 else []
        again = ["-R"] if phase == "nothing to do" else []
        return [sys.executable, "-m", "nox", *parallel, *again, "-s", "tests"]

    def prepare(self, phase: Phase) -> None:
        """Clear the events of the last run, and the environments for a warm run."""
        shutil.rmtree(self.events, ignore_errors=True)
        self.events.mkdir(parents=True)
        if phase == "warm":
            environments.remove(self.root / ".nox")

    def tests(self) -> int:
        """Return the number of finished tests in the events that the recorder wrote."""
        return sum(pytest_runs.read_events(path).verdicts for path in self.events.glob("*.jsonl"))


def noxfile(plain: Plain, cells: Sequence[Cell], matrix: Matrix, events: Path) -> str:
    """Return the text of a plain noxfile."""
    suite = suites.named(matrix)
    needs = {cell.torch: [cell.python, locks.requirements(matrix, suite, cell)] for cell in cells}
    parallel = ", allow_parallel=True" if plain.jobs > 1 else ""
    return _NOXFILE.format(
        cells=json.dumps(needs, indent=4),
        backend=plain.backend,
        parallel=parallel,
        events=str(events),
        tests=suite.folder.relative_to(paths.ROOT).as_posix(),
    )


class ProjectSubject(Subject):
    """A copy of this project, or of an earlier commit."""

    def __init__(
        self, folder: Path, cells: Sequence[Cell], *, name: str = PROJECT, source: Path = paths.ROOT, disk: str = DISK
    ) -> None:
        """Copy the project from ``source``; ``disk`` is its budget."""
        super().__init__(name, folder, cells)
        self.disk = disk
        for file in PROJECT_FILES:
            _copy(source / file, self.root / file)

    @property
    def state(self) -> Path:
        """The copy's folder of caches, records and logs."""
        return self.root / paths.STATE.name

    @property
    def suite(self) -> Path:
        """The folder of the default suite's locks."""
        return self.state / suites.named(matrix_toml.load()).name

    @property
    def records(self) -> list[Path]:
        """The fresh records, wherever the copy's version keeps them."""
        folders = [*self.state.glob("records"), *self.state.glob("*/records")]
        return [path for folder in folders for path in folder.rglob("*.json")]

    def command(self, phase: Phase) -> list[str]:
        """Return nox's command, the same in every phase."""
        del phase
        cells = (cell.id for cell in self.cells)
        return [sys.executable, "-m", "nox", "-s", "matrix", "--", *cells, "--disk", self.disk]

    def prepare(self, phase: Phase) -> None:
        """Remove the records for a warm run; environments are removed after every run."""
        if phase == "warm":
            for path in self.records:
                path.unlink()

    def tests(self) -> int:
        """Return the number of tests in the fresh records."""
        return sum(len(json.loads(path.read_bytes()).get("tests", ())) for path in self.records)

    def locks(self) -> list[locks.Lock]:
        """Return the locks of the last run, in the order of the cells."""
        source = sources.Source(build="default", index=None)
        found = (self.suite / "locks" / cell.id / "pylock.toml" for cell in self.cells)
        return [locks.load(path, source) for path in found if path.exists()]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
