"""What is compared: this project, and the plain noxfiles that a maintainer would write for the same cells.

Each subject lives in a folder of its own with all its caches, and is run with the real nox. The plain ones do the
same job: for each release an environment with that torch, the same pins and pytest, and the same probes in it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import paths
from scripts.index import checks, settings
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results.records import FreshRecord, Store
from scripts.running import environments, interpreters, locks, probes
from tests.bench.result import PROJECT, Phase

#: The project's disk: as much as the four releases of the comparison take, so that a warm run finds them all.
DISK: Final = "20GB"

#: What the project needs of its own folder to run.
_OWN: Final = ("noxfile.py", "pyproject.toml", "matrix.toml", "scripts", "tests/cells")

#: Variables that would make a subject behave otherwise than on a maintainer's machine.
_OUT: Final = ("PYTHONDONTWRITEBYTECODE", "NOXSESSION", "NOXPYTHON", "CI", "MATRIX_EVENTS", "UV_CACHE_DIR")

_NOXFILE: Final = '''"""Written by `nox -s bench`: what one writes to test some releases of torch, and no more."""

import nox

CELLS = {cells}


@nox.session(venv_backend={backend!r}{parallel})
@nox.parametrize("python,torch", [nox.param(python, torch, id=torch) for torch, (python, _) in CELLS.items()])
def tests(session, torch):
    _, requirements = CELLS[torch]
    session.install("torch==" + torch, *requirements)
    # Some probes fail under some releases: that is what they are for.
    events = {{"MATRIX_EVENTS": {events!r} + "/" + torch + ".jsonl"}}
    session.run("pytest", "tests/cells", env=events, success_codes=[0, 1])
'''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain:
    """A plain noxfile: who makes and fills the environments, and how many cells run at once."""

    name: str
    backend: str
    jobs: int = 1


PLAIN: Final = (
    Plain(name="pip", backend="virtualenv"),
    Plain(name="uv", backend="uv"),
    Plain(name="uv -j2", backend="uv", jobs=2),
)


class Subject:
    """One subject in its folder."""

    def __init__(self, name: str, folder: Path, cells: Sequence[Cell]) -> None:
        self.name, self.folder, self.cells = name, folder, cells

    @property
    def root(self) -> Path:
        """Where its noxfile lies."""
        return self.folder / "project"

    def command(self, phase: Phase) -> list[str]:
        """The command of a phase."""
        raise NotImplementedError

    def prepare(self, phase: Phase) -> None:
        """Bring about what a phase begins with."""
        raise NotImplementedError

    def tests(self) -> int:
        """How many probes came to a verdict in the last run, over all cells."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The user's environment, with every cache and all temporary files in the subject's folder."""
        env = {name: value for name, value in interpreters.environment().items() if name not in _OUT}
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **settings.uv_settings(),
            **env,
            "PIP_CACHE_DIR": str(self.folder / "cache" / "pip"),
            "UV_CACHE_DIR": str(self.folder / "cache" / "uv"),
            "TMPDIR": str(temporary),
            "NOX_SCRIPT_MODE": "none",  # nox is here already; to install it again is nobody's subject
        }


class PlainSubject(Subject):
    """A plain noxfile."""

    def __init__(self, plain: Plain, folder: Path, cells: Sequence[Cell], matrix: Matrix) -> None:
        super().__init__(plain.name, folder, cells)
        self.plain = plain
        self.events = folder / "events"
        shutil.copytree(paths.ROOT / matrix.probes.path, self.root / "tests" / "cells")
        (self.root / "noxfile.py").write_text(noxfile(plain, cells, matrix, self.events), encoding="utf-8")

    def command(self, phase: Phase) -> list[str]:
        """Nox; where there is nothing to do, it is told to take the environments as they are."""
        parallel = [f"-j{self.plain.jobs}"] if self.plain.jobs > 1 else []
        again = ["-R"] if phase == "nothing to do" else []
        return [sys.executable, "-m", "nox", *parallel, *again, "-s", "tests"]

    def prepare(self, phase: Phase) -> None:
        """A warm run begins without environments."""
        shutil.rmtree(self.events, ignore_errors=True)
        self.events.mkdir(parents=True)
        if phase == "warm":
            environments.remove(self.root / ".nox")

    def tests(self) -> int:
        """From the files of events that the probes wrote."""
        return sum(probes.read_events(path).verdicts for path in self.events.glob("*.jsonl"))


def noxfile(plain: Plain, cells: Sequence[Cell], matrix: Matrix, events: Path) -> str:
    """The text of a plain noxfile."""
    needs = {cell.torch: [cell.python, locks.requirements(matrix, cell)] for cell in cells}
    parallel = ", allow_parallel=True" if plain.jobs > 1 else ""
    return _NOXFILE.format(
        cells=json.dumps(needs, indent=4), backend=plain.backend, parallel=parallel, events=str(events)
    )


class ProjectSubject(Subject):
    """A copy of this project."""

    def __init__(self, folder: Path, cells: Sequence[Cell]) -> None:
        super().__init__(PROJECT, folder, cells)
        for name in _OWN:
            _copy(paths.ROOT / name, self.root / name)

    @property
    def state(self) -> Path:
        """Where the copy keeps what it makes."""
        return self.root / paths.STATE.name

    def command(self, phase: Phase) -> list[str]:
        """The same in every phase."""
        del phase
        cells = (cell.id for cell in self.cells)
        return [sys.executable, "-m", "nox", "-s", "matrix", "--", *cells, "--disk", DISK]

    def prepare(self, phase: Phase) -> None:
        """A warm run begins without records; environments don't outlive a run."""
        if phase == "warm":
            shutil.rmtree(self.state / "records")

    def tests(self) -> int:
        """From the fresh records."""
        return sum(len(record.tests) for record in Store(self.state / "records").read(FreshRecord))

    def locks(self) -> list[locks.Lock]:
        """The locks that the run made: what the cells consist of, for whoever installs it."""
        source = checks.Source(build="default", index=None)
        found = (self.state / "locks" / cell.id / "pylock.toml" for cell in self.cells)
        return [locks.load(path, source) for path in found if path.exists()]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
