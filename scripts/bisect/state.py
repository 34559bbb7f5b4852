"""What a bisection asks, and what it knows: the models of ``.matrix/bisect/*.json``, from which it can go on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from scripts.config.cells import Cell
from scripts.core import paths
from scripts.core.documents import StrictModel
from scripts.core.errors import SchemaError, UsageError
from scripts.core.files import write_atomically
from scripts.records.model import Record

SCHEMA: Final = 1


class Question(StrictModel):
    """What is searched for, and among which candidates."""

    observations: tuple[str, ...] = Field((), description="Observations or tests; empty for all, when all are wanted.")
    good: str
    bad: str
    build: str
    python: str | None = None
    platform: str
    expect: Literal["passed", "returned", "raised"] | None = None
    message: str | None = Field(None, description="A pattern that is searched for in the message.")
    exception: str | None = Field(None, description="The exception's qualified name, or that of one of its bases.")
    command: str | None = Field(None, description="A command line whose exit code decides.")
    command_timeout: int | None = Field(None, description="Seconds after which the command is ended.")
    third: Literal["skip", "bad", "good"] = "skip"
    pre: bool = False
    nightly: bool = False
    env: dict[str, str] = Field({}, description="Variables for the tests or the command, besides matrix.toml's.")
    exclude_newer: str | None = Field(None, description="The time from which files of the index are left out.")
    every_change: bool = False
    grain: int | None = None
    repeat: int = 1
    recorded: bool = Field(False, description="Whether only what is recorded counts.")

    @property
    def name(self) -> str:
        """A name for files: readable, and another for another question."""
        said = self.model_dump_json(exclude=None if self.command_timeout else {"command_timeout"})
        what = "-".join(self.observations) or ("command" if self.command else "all")
        text = f"{what[:60]}-{self.good}-{self.bad}-{self.build}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        return re.sub(r"[^A-Za-z0-9.]+", "-", text)

    @property
    def compares(self) -> bool:
        """Whether cells are compared with both ends, not tested against something told."""
        return not (self.expect or self.message or self.exception or self.command)


class Candidate(StrictModel):
    """One version that can be probed, and the cell that does it."""

    torch: str
    build: str
    python: str
    problem: str | None = Field(None, description="Why it can't be had, where that is known beforehand.")

    @property
    def cell(self) -> Cell:
        """The cell to run."""
        return Cell(torch=self.torch, build=self.build, python=self.python)


class Step(StrictModel):
    """What one candidate said."""

    place: int
    record: Record | None = Field(None, description="None where nothing was run.")
    origin: Literal["recorded", "run", "same commit", "unavailable"]
    of: str | None = Field(None, description="The candidate whose answer this is, which has the same commit.")
    flaky: tuple[str, ...] = Field((), description="What repeated runs disagreed on, by name.")
    exit_code: int | None = Field(None, description="That of the command.")
    timed_out: float | None = Field(None, description="Seconds after which the command was ended.")
    output: str = Field("", description="The last lines that the command printed.")


class State(StrictModel):
    """A bisection: what it asks, its candidates in the order from good to bad, and what they said so far."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    question: Question
    candidates: tuple[Candidate, ...]
    steps: tuple[Step, ...] = ()

    @property
    def by_place(self) -> Mapping[int, Step]:
        """The steps by the place of their candidate."""
        return {step.place: step for step in self.steps}

    def add(self, steps: Iterable[Step]) -> State:
        """The bisection with more steps; a later one takes the place of an earlier."""
        merged = {**self.by_place, **{step.place: step for step in steps}}
        return self.model_copy(update={"steps": tuple(merged.values())})


def folder() -> Path:
    """Where bisections are kept."""
    return paths.STATE / "bisect"


def path_of(question: Question) -> Path:
    """Where the state of a question is kept."""
    return folder() / f"{question.name}.json"


def save(state: State) -> Path:
    """Keep a bisection, whole or not at all."""
    path = path_of(state.question)
    data = state.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    write_atomically(path, json.dumps({"schema": SCHEMA, **data}, indent=1) + "\n")
    return path


def load(path: Path) -> State:
    """Read a bisection. Raises `UsageError` where there is none, `SchemaError` for what isn't one."""
    try:
        data: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: no bisection can be read there ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{path}: not JSON ({error}); remove it and begin anew") from None
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SCHEMA:
        raise SchemaError(f"{path}: schema {found!r}, and this version reads schema {SCHEMA}; begin anew")
    try:
        return State.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise SchemaError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def latest() -> Path:
    """The bisection that was last worked on. Raises `UsageError` where there is none."""
    found = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise UsageError("there is no bisection to go on with; begin one with --observation, --good and --bad")
    return found[-1]
