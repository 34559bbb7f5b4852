"""Measure a subject in its phases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.core import machine
from scripts.core.errors import MatrixError
from scripts.run import environments
from tests.bench import bounds
from tests.bench.measure import drop_page_cache, measure
from tests.bench.result import PHASES, Figure, Phase
from tests.bench.subjects import Subject

#: Limit in seconds for one subject in one phase.
_LIMIT = 3600.0

Notify = Callable[[str], None]


def make_room(scratch: Path, measured: list[Subject], peak: int, notify: Notify) -> None:
    """Remove folders of measured subjects until twice the peak usage of one of them is free.

    Not earlier: some file systems create files slowly after many were removed, which would slow the next subject down.
    """
    while measured and machine.free_bytes(scratch) < 2 * peak:
        subject = measured.pop()
        environments.remove(subject.folder)
        notify(f"removed the folder of {subject.name} to free disk space; the next subject may be slower")


def all_phases(subject: Subject, notify: Notify) -> Iterator[Figure]:
    """Measure a subject in every phase, from a cold page cache."""
    drop_page_cache(subject.folder.parent)
    for phase in PHASES:
        subject.prepare(phase)
        measured = figure(subject, phase)
        usage = measured.usage
        notify(f"{subject.name}, {phase}: {usage.seconds:.1f} s, {usage.cpu:.1f} s CPU, load {measured.load}")
        yield measured


def figure(subject: Subject, phase: Phase) -> Figure:
    """Measure a subject in a phase.

    Raises:
        MatrixError: it failed, or ran too few tests.
    """
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
        output = measured.finished.output.strip().splitlines()[-8:]
        raise MatrixError("\n".join([f"{subject.name}, {phase}: failed, {tests} tests ran", *output]))
    return Figure(subject=subject.name, phase=phase, usage=measured.usage, tests=tests, load=load)
