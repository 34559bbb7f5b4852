"""Run the benchmark: every subject in every phase, what bounds them, and the project's own cost."""

from __future__ import annotations

import dataclasses
import datetime as dt
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import machine
from scripts.core.files import human_size
from scripts.run import environments
from scripts.run.unpack.fast_path import PlaceholderRules
from tests.bench import bounds, edit, paired
from tests.bench import scale as scaling
from tests.bench.figures import Notify, all_phases, figure, make_room
from tests.bench.measure import drop_page_cache
from tests.bench.result import BenchResult, Scale, Selection
from tests.bench.subjects import PLAIN, PlainSubject, ProjectSubject, Subject


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The cells and subjects to measure.

    Attributes:
        cells: cells with real wheels.
        subjects: names of the plain noxfiles to compare with.
        scales: numbers of synthetic cells.
        downloaded: bytes to measure the network with, at least.
        command: the command line, for the result.
        selection: cells of the default selection, to run from nothing.
        commit: an earlier commit of the project, to compare with and nothing else.
        rounds: pairs of runs of the earlier commit and of the present files.
        edits: whether to measure the second run after an edit of a library, in the cells.
        keep: whether to keep the scratch folder.
    """

    cells: tuple[Cell, ...]
    subjects: tuple[str, ...]
    scales: tuple[int, ...]
    downloaded: int
    command: str
    selection: tuple[Cell, ...] = ()
    commit: str | None = None
    rounds: int = 3
    edits: bool = False
    keep: bool = False


def run(matrix: Matrix, plan: Plan, folder: Path, notify: Notify) -> BenchResult:
    """Measure everything of a plan, in a scratch folder below ``folder``.

    Raises:
        MatrixError: a subject failed, or ran too few tests.
    """
    result = BenchResult(
        date=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        command=plan.command,
        machine=_machine(),
        cores=machine.cores(),
        cells=tuple(cell.id for cell in plan.cells),
        wheels=0,
    )
    with _scratch(folder, keep=plan.keep, notify=notify) as scratch:
        if plan.commit is not None:
            compared = paired.compare(plan.commit, plan.cells, plan.rounds, scratch, notify)
            return result.model_copy(update={"comparison": compared})
        if plan.selection:
            result = result.model_copy(update={"selection": _selection(matrix, plan.selection, scratch, notify)})
        if plan.edits:
            measured = tuple(edit.edits(plan.cells, matrix, scratch, notify))
            return result.model_copy(update={"edits": measured})
        if plan.cells:
            result = _measure_real(result, matrix, plan, scratch, notify)
        return result.model_copy(update={"scales": tuple(_scales(plan, scratch, notify))})


def _measure_real(result: BenchResult, matrix: Matrix, plan: Plan, scratch: Path, notify: Notify) -> BenchResult:
    """Measure everything with real wheels. The project is first, as its locks name the wheels to download."""
    project = ProjectSubject(scratch / "project", plan.cells)
    figures = list(all_phases(project, notify))
    locks = project.locks()
    wheels = bounds.unique_wheels(locks)
    imports = []
    for cell, lock in zip(plan.cells, locks, strict=True):
        imports.append(
            bounds.imports(cell, lock, PlaceholderRules(patterns=matrix.held_files), project.state / "cache", scratch)
        )
        notify(f"import torch, {cell.id}: {imports[-1].first:.1f} s, again {imports[-1].again:.1f} s")
    measured: list[Subject] = [project]
    for plain in (plain for plain in PLAIN if plain.name in plan.subjects):
        make_room(scratch, measured, max(figure.usage.disk for figure in figures), notify)
        subject = PlainSubject(plain, scratch / plain.name.replace(" ", ""), plan.cells, matrix)
        figures += all_phases(subject, notify)
        measured.append(subject)
    downloads = []
    for streams in (1, 4):
        downloads.append(bounds.download(bounds.up_to(wheels, plan.downloaded), streams))
        notify(f"download with {streams} streams: {human_size(downloads[-1].rate)}/s")
    return result.model_copy(
        update={
            "wheels": sum(wheel.size or 0 for wheel in wheels),
            "figures": tuple(figures),
            "imports": tuple(imports),
            "downloads": tuple(downloads),
        }
    )


def _selection(matrix: Matrix, cells: Sequence[Cell], scratch: Path, notify: Notify) -> Selection:
    subject = ProjectSubject(scratch / "selection", cells, name="default selection", disk=str(int(matrix.budget.disk)))
    drop_page_cache(scratch)
    usage = figure(subject, "cold").usage
    notify(f"default selection, {len(cells)} cells: {usage.seconds:.1f} s, {usage.cpu:.1f} s CPU")
    environments.remove(subject.folder)
    return Selection(cells=len(cells), usage=usage)


def _scales(plan: Plan, scratch: Path, notify: Notify) -> Iterator[Scale]:
    for count in plan.scales:
        scale = scaling.scale(count, scratch / f"scale-{count}")
        notify(f"{count} synthetic cells: {scale.seconds:.1f} s, {scale.cpu_each:.2f} s CPU a cell")
        environments.remove(scratch / f"scale-{count}")
        yield scale


def _machine() -> str:
    memory = machine.memory_bytes()
    size = f", {human_size(memory)} memory" if memory else ""
    return f"{platform.platform()}, {machine.cores()} cores{size}, Python {platform.python_version()}"


@contextmanager
def _scratch(folder: Path, *, keep: bool, notify: Notify) -> Iterator[Path]:
    """Provide a folder on the disk where the project has its environments; remove it at the end unless ``keep``."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    try:
        yield scratch
    finally:
        if keep:
            notify(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
