"""The model of a bisection, and its files in the suite's ``bisect/``, from which it can be resumed or replayed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from scripts.config.cell import Cell
from scripts.core.documents import Format, StrictModel
from scripts.core.errors import UsageError
from scripts.records.model import Record

SCHEMA: Final = 1


class Question(StrictModel):
    """The change to find, and the candidates to search."""

    suite: str | None = Field(None, description="Name of the suite; None before there were several.")
    probes: str | None = Field(None, description="Folder of the suite, unless it is in matrix.toml.")
    project: str | None = Field(None, description="Source tree of the library whose tests are the suite.")
    observations: tuple[str, ...] = Field((), description="Observations or tests; empty for all, with `every_change`.")
    good: str
    bad: str
    build: str
    python: str | None = None
    platform: str
    expect: Literal["passed", "returned", "raised"] | None = None
    message: str | None = Field(None, description="Regular expression that is searched for in the message.")
    exception: str | None = Field(None, description="Qualified name of the exception, or of one of its bases.")
    command: str | None = Field(None, description="Command line whose exit code decides.")
    command_timeout: int | None = Field(None, description="Seconds after which the command is killed.")
    third: Literal["skip", "bad", "good"] = "skip"
    pre: bool = False
    nightly: bool = False
    env: dict[str, str] = Field({}, description="Variables for the tests or the command, besides matrix.toml's.")
    exclude_newer: str | None = Field(None, description="Files that the index received after this time are ignored.")
    every_change: bool = False
    grain: int | None = None
    repeat: int = 1
    recorded: bool = Field(False, description="Whether to use records only, and run nothing.")

    @property
    def name(self) -> str:
        """The name of the question's file: readable, and different for each question."""
        # Without the timeout where there is none, so that older names stay valid. A suite has its own folder.
        text = self.model_dump_json(
            exclude={"suite", "probes", "project", *(() if self.command_timeout else ("command_timeout",))}
        )
        subject = "-".join(self.observations) or ("command" if self.command else "all")
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return re.sub(r"[^A-Za-z0-9.]+", "-", f"{subject[:60]}-{self.good}-{self.bad}-{self.build}-{digest}")

    @property
    def test(self) -> str | None:
        """The node id of the test whose verdict decides, or None."""
        name = self.observations[0] if len(self.observations) == 1 else ""
        alone = self.expect == "passed" and not (self.message or self.exception)
        return name if alone and "::" in name else None

    @property
    def compares_ends(self) -> bool:
        """True if candidates are compared with both ends, instead of tested against an option or a command."""
        return not (self.expect or self.message or self.exception or self.command)


class Candidate(StrictModel):
    """A version to probe, and the cell that does it."""

    torch: str
    build: str
    python: str
    problem: str | None = Field(None, description="Why it is unavailable, if that is known beforehand.")

    @property
    def cell(self) -> Cell:
        """The cell to run."""
        return Cell(torch=self.torch, build=self.build, python=self.python)


class Step(StrictModel):
    """The result of one candidate."""

    position: int = Field(alias="place", description="Index of the candidate.")
    record: Record | None = Field(None, description="None if nothing was run.")
    origin: Literal["recorded", "run", "same commit", "unavailable"]
    same_as: str | None = Field(None, alias="of", description="Version with the same commit, whose result this is.")
    flaky: tuple[str, ...] = Field((), description="Names on which repeated runs disagreed.")
    exit_code: int | None = Field(None, description="Exit code of the command.")
    timed_out: float | None = Field(None, description="Seconds after which the command was killed.")
    output: str = Field("", description="The last lines of the command's output.")


class State(StrictModel):
    """A bisection: its question, its candidates from good to bad, and the steps so far."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    question: Question
    candidates: tuple[Candidate, ...]
    steps: tuple[Step, ...] = ()

    @property
    def by_position(self) -> Mapping[int, Step]:
        """The steps by the position of their candidate."""
        return {step.position: step for step in self.steps}

    def add(self, steps: Iterable[Step]) -> State:
        """Return the bisection with further steps, which replace earlier ones of the same candidates."""
        merged = {**self.by_position, **{step.position: step for step in steps}}
        return self.model_copy(update={"steps": tuple(merged.values())})


FORMAT: Final = Format(name="bisection", model=State, schema=SCHEMA, remedy="start a new bisection", indent=1)


def path_of(folder: Path, question: Question) -> Path:
    """Return the file of a question's bisection in the suite's folder of bisections."""
    return folder / f"{question.name}.json"


def save(folder: Path, state: State) -> Path:
    """Write a bisection to its file in the suite's folder of bisections; return the file."""
    path = path_of(folder, state.question)
    FORMAT.write(path, state)
    return path


def latest(folder: Path) -> Path:
    """Return the file of the bisection that was saved last in a folder. Raises `UsageError` if there is none."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise UsageError("there is no bisection to resume; start one with --observation, --good and --bad")
    return files[-1]
