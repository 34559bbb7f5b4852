"""One bench: every subject in every phase, what bounds them, and the tool's own cost."""

from __future__ import annotations

import dataclasses
import datetime as dt
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts import machine
from scripts.errors import MatrixError
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.running import environments
from scripts.running.footprint import human
from scripts.running.holding import Hold
from tests.bench import bounds
from tests.bench import scale as bench_scale
from tests.bench.measure import forget_files, measure
from tests.bench.result import PHASES, Bench, Figure, Phase, Scale
from tests.bench.subjects import PLAIN, PlainSubject, ProjectSubject, Subject

#: Seconds for one subject in one phase.
_LIMIT = 3600.0

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    cells: tuple[Cell, ...]
    subjects: tuple[str, ...]  # the plain ones to compare with
    scales: tuple[int, ...]  # numbers of synthetic cells
    downloaded: int  # bytes to measure the network with, at least
    command: str
    keep: bool = False  # leave the folder there


def run(matrix: Matrix, plan: Plan, folder: Path, tell: Tell) -> Bench:
    """Measure everything of a plan, in a folder below ``folder`` that goes away again.

    Raises:
        MatrixError: a subject failed, or didn't do its job.
    """
    bench = Bench(
        date=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        command=plan.command,
        machine=_machine(),
        cells=tuple(cell.id for cell in plan.cells),
        wheels=0,
    )
    with _scratch(folder, keep=plan.keep, tell=tell) as scratch:
        if plan.cells:
            bench = _real(bench, matrix, plan, scratch, tell)
        return bench.model_copy(update={"scales": tuple(_scales(plan, scratch, tell))})


def _real(bench: Bench, matrix: Matrix, plan: Plan, scratch: Path, tell: Tell) -> Bench:
    """What takes real wheels. The project goes first, since its locks say what the others install."""
    project = ProjectSubject(scratch / "project", plan.cells)
    figures = list(_figures(project, tell))
    locks = project.locks()
    wheels = bounds.unique(locks)
    imports = []
    for cell, lock in zip(plan.cells, locks, strict=True):
        imports.append(bounds.imports(cell, lock, Hold(patterns=matrix.held_files), project.state / "cache", scratch))
        tell(f"import torch, {cell.id}: {imports[-1].first:.1f} s, again {imports[-1].again:.1f} s")
    done: list[Subject] = [project]
    for plain in (plain for plain in PLAIN if plain.name in plan.subjects):
        _make_room(scratch, done, max(figure.usage.disk for figure in figures), tell)
        subject = PlainSubject(plain, scratch / plain.name.replace(" ", ""), plan.cells, matrix)
        figures += _figures(subject, tell)
        done.append(subject)
    downloads = []
    for streams in (1, 4):
        downloads.append(bounds.download(bounds.first(wheels, plan.downloaded), streams))
        tell(f"download with {streams} streams: {human(downloads[-1].rate)}/s")
    return bench.model_copy(
        update={
            "wheels": sum(wheel.size or 0 for wheel in wheels),
            "figures": tuple(figures),
            "imports": tuple(imports),
            "downloads": tuple(downloads),
        }
    )


def _make_room(scratch: Path, done: list[Subject], taken: int, tell: Tell) -> None:
    """Remove the folders of subjects that were measured, if the next may take twice what one of them took.

    Only then: some file systems make new files slowly just after many were removed, which would count against the next.
    """
    while done and machine.free_bytes(scratch) < 2 * taken:
        subject = done.pop()
        environments.remove(subject.folder)
        tell(f"the folder of {subject.name} was removed for room: the next may be slower for it")


def _figures(subject: Subject, tell: Tell) -> Iterator[Figure]:
    forget_files(subject.folder.parent)
    for phase in PHASES:
        subject.prepare(phase)
        figure = _figure(subject, phase)
        tell(f"{subject.name}, {phase}: {figure.usage.seconds:.1f} s, {figure.usage.cpu:.1f} s CPU, load {figure.load}")
        yield figure


def _figure(subject: Subject, phase: Phase) -> Figure:
    load = bounds.load()
    measured = measure(
        subject.command(phase),
        cwd=subject.root,
        env=subject.environment(),
        folder=subject.folder,
        log=subject.folder.with_suffix(".log"),
        timeout=_LIMIT,
    )
    tests = subject.tests()
    if not measured.finished.ok or tests < len(subject.cells):
        said = measured.finished.output.strip().splitlines()[-8:]
        raise MatrixError("\n".join([f"{subject.name}, {phase}: failed, {tests} probes ran", *said]))
    return Figure(subject=subject.name, phase=phase, usage=measured.usage, tests=tests, load=load)


def _scales(plan: Plan, scratch: Path, tell: Tell) -> Iterator[Scale]:
    for count in plan.scales:
        scale = bench_scale.scale(count, scratch / f"scale-{count}")
        tell(f"{count} synthetic cells: {scale.seconds:.1f} s, {scale.cpu_each:.2f} s CPU a cell")
        environments.remove(scratch / f"scale-{count}")
        yield scale


def _machine() -> str:
    memory = machine.memory_bytes()
    size = f", {human(memory)} memory" if memory else ""
    return f"{platform.platform()}, {machine.cores()} cores{size}, Python {platform.python_version()}"


@contextmanager
def _scratch(folder: Path, *, keep: bool, tell: Tell) -> Iterator[Path]:
    """A folder for the time of a bench, on the disk where the project itself keeps its environments."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    try:
        yield scratch
    finally:
        if keep:
            tell(f"all that was run lies in {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)


def checked(subjects: Sequence[str]) -> tuple[str, ...]:
    """The names of plain subjects, in the order in which they are measured."""
    return tuple(plain.name for plain in PLAIN if plain.name in subjects)
