"""What a bench measured: its model and its file. Pure but for the two functions that read and write the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from scripts.core.documents import Format, StrictModel

SCHEMA: Final = 1

Phase = Literal["cold", "warm", "nothing to do"]
PHASES: Final[tuple[Phase, ...]] = ("cold", "warm", "nothing to do")

#: The subject that all others are compared with.
PROJECT: Final = "project"


class Usage(StrictModel):
    """What one command took. Sizes in bytes, times in seconds."""

    seconds: float
    cpu: float = Field(description="Processor time of the command and all its children.")
    moved: int = Field(description="Received over the network by the whole machine, this machine's own traffic apart.")
    disk: int = Field(description="The most that its folder held at a time; hard links count once.")


class Figure(StrictModel):
    """One subject in one phase."""

    subject: str
    phase: Phase
    usage: Usage
    tests: int = Field(description="Probes that ran, over all cells; none have to where nothing is to do.")
    load: float = Field(description="The machine's load before the start: what else ran then.")


class Download(StrictModel):
    """The cells' own wheels, downloaded and thrown away."""

    streams: int
    bytes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.bytes / self.seconds if self.seconds else 0.0


class Import(StrictModel):
    """``python -c "import torch"`` in a fresh environment and again: without and with bytecode."""

    cell: str
    first: float
    again: float


class Scale(StrictModel):
    """The tool's own cost: so many cells of tiny synthetic wheels, and then nothing to do for them."""

    cells: int
    seconds: float
    cpu: float
    idle: float = Field(description="Seconds of a run in which every cell is current.")

    @property
    def cpu_each(self) -> float:
        """Processor seconds of one cell, the engine's and those of uv, Python and pytest."""
        return self.cpu / self.cells


class Bench(StrictModel):
    """One run of the bench on one machine."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    date: str
    command: str
    machine: str
    cells: tuple[str, ...]
    wheels: int = Field(description="Bytes of all wheels that the cells need, each once.")
    figures: tuple[Figure, ...] = ()
    downloads: tuple[Download, ...] = ()
    imports: tuple[Import, ...] = ()
    scales: tuple[Scale, ...] = ()

    def figure(self, subject: str, phase: Phase) -> Figure | None:
        """The figure of a subject in a phase, if it was measured."""
        return next((f for f in self.figures if (f.subject, f.phase) == (subject, phase)), None)

    @property
    def subjects(self) -> list[str]:
        """The subjects in the order in which they were measured."""
        return list(dict.fromkeys(figure.subject for figure in self.figures))

    def ratio(self, subject: str, phase: Phase) -> float | None:
        """How many times as long as the project a subject takes."""
        one, own = self.figure(subject, phase), self.figure(PROJECT, phase)
        return one.usage.seconds / own.usage.seconds if one and own and own.usage.seconds else None

    @property
    def growth(self) -> float | None:
        """A cell's own cost among the most cells, compared with among the fewest: 1 is linear."""
        by_size = sorted(self.scales, key=lambda scale: scale.cells)
        if len(by_size) < 2 or not by_size[0].cpu:
            return None
        return by_size[-1].cpu_each / by_size[0].cpu_each


FORMAT: Final = Format(name="benchmark result", model=Bench, schema=SCHEMA, remedy="run `nox -s bench`", defaults="all")


def write(bench: Bench, folder: Path) -> Path:
    """Write a result to a folder, under its date; return the file."""
    path = folder / f"{bench.date.replace(':', '')}.json"
    FORMAT.write(path, bench)
    return path
