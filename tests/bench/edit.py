"""Measure the second run after an edit of a library: this project with ``--project``, and plain noxfiles with uv.

Everything is cached but the edited library, which is built again; its tests would fail with its old code. A plain
noxfile makes its environments anew, as nox does by default, or keeps them with ``-r``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from scripts.config import suite as suites
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import paths
from scripts.core.errors import MatrixError
from scripts.core.files import write_atomically
from scripts.records.model import FreshRecord
from scripts.records.store import Store
from scripts.run import environments, locks
from tests.bench.measure import Measured, measure
from tests.bench.result import PROJECT, Edit
from tests.bench.subjects import ProjectSubject, Subject
from tests.support.source_trees import write_library

_LIMIT: Final = 3600.0
_NAME: Final = "edited"
#: Plain noxfiles by their names: "uv" and the options of nox.
PLAIN: Final = ("uv", "uv -r")

_NOXFILE: Final = '''"""Written by `nox -s bench`: the minimum for testing a library over some releases of torch."""

import nox

CELLS = {cells}


@nox.session(venv_backend="uv")
@nox.parametrize("python,torch", [nox.param(python, torch, id=torch) for torch, (python, _) in CELLS.items()])
def tests(session, torch):
    _, requirements = CELLS[torch]
    session.install("--reinstall-package", {name!r}, "torch==" + torch, *requirements, {library!r})
    session.run("pytest", {library!r})
'''


def edits(
    cells: Sequence[Cell], matrix: Matrix, folder: Path, notify: Callable[[str], None], plain: Sequence[str] = PLAIN
) -> Iterator[Edit]:
    """Yield the measurement of this project and of plain noxfiles; the folder of each is removed.

    Raises:
        MatrixError: a run failed, such as one of the library's old code.
    """
    library = folder / _NAME
    for name in (PROJECT, *plain):
        of_subject = folder / name.replace(" ", "")
        if name == PROJECT:
            subject: Subject = ProjectSubject(of_subject, cells)
            command = [*subject.command("cold"), "--project", str(library)]
        else:
            subject = Subject(name, of_subject, cells)
            write_atomically(subject.root / "noxfile.py", noxfile(cells, matrix, library))
            command = [sys.executable, "-m", "nox", *name.split()[1:], "-s", "tests"]
        _write(library, value=1)
        _measured(subject, command)
        _write(library, value=2)
        usage = _measured(subject, command).usage
        notify(f"{name}, after an edit: {usage.seconds:.1f} s, {usage.cpu:.1f} s CPU")
        environments.remove(of_subject)
        yield Edit(subject=name, seconds=usage.seconds, cpu=usage.cpu)


def noxfile(cells: Sequence[Cell], matrix: Matrix, library: Path) -> str:
    """Return the text of a plain noxfile for a library."""
    suite = suites.named(matrix)
    needs = {cell.torch: [cell.python, locks.requirements(matrix, suite, cell)] for cell in cells}
    return _NOXFILE.format(cells=json.dumps(needs, indent=4), name=_NAME, library=str(library))


def _write(library: Path, *, value: int) -> None:
    test = f"import torch, {_NAME}\ndef test_code(): assert torch and {_NAME}.doubled(1) == {2 * value}\n"
    code = f"def doubled(number): return 2 * {value} * number\n"
    write_library(library, _NAME, {f"{_NAME}/__init__.py": code, "tests/test_code.py": test})


def _passed(subject: Subject) -> bool:
    """Return whether no record of this project has a failed test; a plain noxfile fails itself."""
    found = (subject.root / paths.STATE.name).glob("project-*/records")
    records = [record for folder in found for record in Store(folder).read(FreshRecord)]
    return all(test.outcome == "passed" for record in records for test in record.tests.values())


def _measured(subject: Subject, command: Sequence[str]) -> Measured:
    records = subject.folder / "log"  # a small folder: disk usage is not measured here
    records.mkdir(parents=True, exist_ok=True)
    env, log = subject.environment(), records / "run.log"
    measured = measure(command, cwd=subject.root, env=env, folder=records, log=log, timeout=_LIMIT)
    if not measured.finished.ok or not _passed(subject):
        raise MatrixError(
            "\n".join([f"{subject.name}, after an edit: failed", *measured.finished.output.splitlines()[-8:]])
        )
    return measured
