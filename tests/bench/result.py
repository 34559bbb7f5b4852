"""The result of a benchmark: its model and file format."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from scripts.core.documents import Format, StrictModel

SCHEMA: Final = 2

Phase = Literal["cold", "warm", "nothing to do"]
PHASES: Final[tuple[Phase, ...]] = ("cold", "warm", "nothing to do")

#: The subject that the others are compared with.
PROJECT: Final = "project"


class Usage(StrictModel):
    """Resources used by one command; sizes in bytes, times in seconds."""

    seconds: float
    cpu: float = Field(description="CPU time of the command and all its children.")
    moved: int = Field(description="Received over the network by the whole machine, without loopback traffic.")
    disk: int = Field(description="Peak disk usage of its folder; hard links count once.")


class Figure(StrictModel):
    """The measurement of one subject in one phase."""

    subject: str
    phase: Phase
    usage: Usage
    tests: int = Field(description="Tests with a verdict, over all cells.")
    load: float = Field(description="Load average of the machine before the start.")


class Download(StrictModel):
    """A download of the cells' wheels."""

    streams: int
    bytes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.bytes / self.seconds if self.seconds else 0.0


class Import(StrictModel):
    """Seconds of ``import torch`` in a new environment, and again with bytecode."""

    cell: str
    first: float
    again: float


class Scale(StrictModel):
    """The project's own cost: a number of cells with tiny synthetic wheels, then again with nothing to do."""

    cells: int
    seconds: float
    cpu: float
    idle: float = Field(description="Seconds of a run in which every cell has a current record.")

    @property
    def cpu_each(self) -> float:
        """CPU seconds of one cell: those of the engine, uv, Python and pytest."""
        return self.cpu / self.cells


class Selection(StrictModel):
    """The default selection from nothing, within its own disk budget."""

    cells: int
    usage: Usage


class Pair(StrictModel):
    """The same cells from nothing, by an earlier commit and by the present files, one directly after the other."""

    before: Usage
    now: Usage


class Comparison(StrictModel):
    """Pairs of runs, in alternating order, so that what else the machine does affects both sides alike."""

    commit: str
    pairs: tuple[Pair, ...]

    @property
    def ratio(self) -> float:
        """Median of the wall-clock times before divided by those now: above 1 is faster now."""
        return statistics.median(pair.before.seconds / pair.now.seconds for pair in self.pairs)

    @property
    def cpu_ratio(self) -> float:
        """Median of the CPU times before divided by those now."""
        return statistics.median(pair.before.cpu / pair.now.cpu for pair in self.pairs)


class Edit(StrictModel):
    """One subject's second run of a library's tests, after an edit of the library."""

    subject: str
    seconds: float
    cpu: float


class BenchResult(StrictModel):
    """One run of the benchmark on one machine."""

    schema_: Literal[2] = Field(SCHEMA, alias="schema")
    date: str
    command: str
    machine: str
    cores: int
    cells: tuple[str, ...]
    wheels: int = Field(description="Bytes of all wheels of the cells, each once.")
    figures: tuple[Figure, ...] = ()
    downloads: tuple[Download, ...] = ()
    imports: tuple[Import, ...] = ()
    scales: tuple[Scale, ...] = ()
    selection: Selection | None = None
    comparison: Comparison | None = None

    def busy(self, usage: Usage) -> float:
        """Return the share of all cores' time that a command used: 1 means that no core ever waited."""
        return usage.cpu / (usage.seconds * self.cores) if usage.seconds else 0.0

    def ideal(self, usage: Usage) -> float:
        """Return the seconds that a command would take if it kept all cores busy."""
        return usage.cpu / self.cores

    edits: tuple[Edit, ...] = ()

    def figure(self, subject: str, phase: Phase) -> Figure | None:
        """Return the figure of a subject in a phase, if it was measured."""
        return next((f for f in self.figures if (f.subject, f.phase) == (subject, phase)), None)

    @property
    def subjects(self) -> list[str]:
        """The subjects, in the order of their measurement."""
        return list(dict.fromkeys(figure.subject for figure in self.figures))

    def ratio(self, subject: str, phase: Phase) -> float | None:
        """Return a subject's time divided by the project's; None if one of them was not measured."""
        figure, project = self.figure(subject, phase), self.figure(PROJECT, phase)
        if figure is None or project is None or not project.usage.seconds:
            return None
        return figure.usage.seconds / project.usage.seconds

    @property
    def growth(self) -> float | None:
        """CPU time of a cell in the largest run divided by that in the smallest: 1 means linear growth."""
        by_size = sorted(self.scales, key=lambda scale: scale.cells)
        if len(by_size) < 2 or not by_size[0].cpu:
            return None
        return by_size[-1].cpu_each / by_size[0].cpu_each


FORMAT: Final = Format(
    name="benchmark result", model=BenchResult, schema=SCHEMA, remedy="run `nox -s bench`", defaults="all"
)


def write(result: BenchResult, folder: Path) -> Path:
    """Write a result to a folder, under its date; return the file."""
    path = folder / f"{result.date.replace(':', '')}.json"
    FORMAT.write(path, result)
    return path
