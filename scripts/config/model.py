"""The model of ``matrix.toml``; `scripts.config.matrix_toml` reads it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, field_validator, model_validator

from scripts.config.policy import BLOCK, WARN, Category
from scripts.config.values import BuildName, Companion, Pattern, PythonName, Release, Require, Specifier, Timestamp
from scripts.config.versions import matches
from scripts.core import environment


class Table(BaseModel):
    """A table of ``matrix.toml``; unknown keys are errors, and values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def declarable(env: dict[str, str]) -> dict[str, str]:
    """Return the variables of a suite. Raise `ValueError` for those that it can't declare."""
    problems = [problem for name, value in env.items() if (problem := environment.problem(name, value))]
    if problems:
        raise ValueError("; ".join(problems))
    return env


class Limits(Table):
    """Wall-clock limits in seconds."""

    resolve: float = Field(120, gt=0, description="For resolving one cell's requirements.")
    install: float = Field(1800, gt=0, description="For downloading and installing one cell.")
    startup: float = Field(180, gt=0, description="For starting Python, importing torch and collecting the tests.")
    probe: float = Field(120, gt=0, description="For one test.")


class SuiteLimits(Table):
    """Limits of one suite that replace those of `Limits`, in seconds."""

    resolve: float | None = Field(None, gt=0, description="For resolving one cell's requirements.")
    install: float | None = Field(None, gt=0, description="For downloading and installing one cell.")
    startup: float | None = Field(None, gt=0, description="For starting Python, importing torch and collecting tests.")
    probe: float | None = Field(None, gt=0, description="For one test.")


class SuiteTable(Table):
    """A set of tests that run in every cell."""

    description: str = Field("", description="What the tests check.")
    path: str = Field(min_length=1, description="Folder of the tests, from the project's root.")
    require: tuple[Require, ...] = Field((), description="Requirements of the tests, in every cell.")
    env: dict[str, str] = Field({}, description="Environment variables of the tests; all others are removed.")
    limits: SuiteLimits = Field(SuiteLimits(), description="Limits that differ from those of all suites.")
    order: tuple[str, ...] = Field((), description="Files in the order in which reports show them; others follow.")
    plugins: bool = Field(True, description="Whether pytest loads the plugins that are installed in a cell.")

    @field_validator("env")
    @classmethod
    def _declarable(cls, env: dict[str, str]) -> dict[str, str]:
        return declarable(env)


class Budget(Table):
    """Resources that a run may use."""

    disk: ByteSize = Field(ByteSize(12_000_000_000), gt=0, description="Environments and cache together.")
    jobs: int | None = Field(None, ge=1, description="Cells at once; by default from cores, memory and disk.")
    downloads: int | None = Field(None, ge=1, description="Wheels fetched at once; by default one more than jobs.")


class Build(Table):
    """A wheel variant: its index, and the releases it was published for."""

    releases: Specifier
    index: str | None = Field(None, pattern=r"^(https?|file)://", description="Index that serves torch for this build.")
    fallback: BuildName | None = Field(None, description="Build to use when this one's index is unreachable.")
    companions: str | None = Field(
        None,
        pattern=r"^((https?|file)://.*|default)$",
        description="Index of torch's companions, if it is not that of torch; 'default' for the default index.",
    )
    gpu: bool = Field(False, description="True if the cells of this build may use the machine's GPUs.")
    label: str | None = Field(
        None,
        pattern=r"^[a-z0-9.]*$",
        description="Local label of its wheels, where its index has other builds too; empty for those without one.",
    )

    @property
    def companion_index(self) -> str | None:
        """The index of torch's companions; None for that of torch, empty for the default index."""
        return "" if self.companions == "default" else self.companions


class Python(Table):
    """A Python that tests run on, and the releases that have wheels for it."""

    releases: Specifier


class Pin(Table):
    """A requirement of some releases, with its reason."""

    require: Require
    releases: Specifier = ">=0"
    reason: str = Field(min_length=1)
    source: str | None = Field(None, description="Where the reason can be checked.")


class Held(Table):
    """Files of wheels that a cell without GPU does not open; placeholders replace them."""

    files: tuple[str, ...] = Field(
        min_length=1, description="Patterns of paths within site-packages; '*' matches '/' too."
    )
    reason: str = Field(
        min_length=1, description="Why no test opens them; if one does, the tests run again with the files."
    )


class Runner(Table):
    """A kind of machine at a CI service, with the releases, builds and Pythons of its platform."""

    label: tuple[str, ...] | str = Field(description="Label of the runner at GitHub, or several that must all match.")
    platform: str | None = Field(
        None, pattern=r"^[a-z]+-[a-z0-9_]+$", description="Its platform; by default this table's name."
    )
    gpu: bool = Field(False, description="True if it has a GPU, for builds with gpu = true.")
    releases: Specifier = Field(">=0", description="The releases that have wheels for the platform.")
    builds: tuple[str, ...] = Field(("*",), min_length=1, description="The builds that were published for it.")
    pythons: dict[PythonName, Specifier] = Field({}, description="Which releases a Python has wheels for, if fewer.")

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""
        return (self.label,) if isinstance(self.label, str) else self.label


class Selection(Table):
    """A named set of cells."""

    description: str = Field(min_length=1, description="The line that `nox -l` shows.")
    releases: Literal["all", "latest-patch"] | Specifier | tuple[Release, ...]
    builds: tuple[str, ...] = Field(("cpu",), min_length=1, description="Builds, or patterns such as 'cu*'.")
    pythons: dict[PythonName, Specifier] = Field(
        {}, description="Releases by Python; the first match counts; by default as in the selection 'matrix'."
    )
    every_python: bool = Field(False, description="Run each release on every Python it has wheels for.")
    cells: tuple[str, ...] = Field((), description="Further cells by id: bridges, above all.")


class SlowImport(Table):
    """Thresholds of a slow import of torch; both must be exceeded."""

    ratio: float = Field(2.0, gt=1, description="Times as long as the baseline.")
    seconds: float = Field(1.0, ge=0, description="Seconds longer than the baseline.")


class Enough(Table):
    """The least that must be compared for a conclusive verdict."""

    cells: int = Field(1, ge=1, description="Cells.")
    share: float = Field(0.5, ge=0, le=1, description="Share of the requested cells.")


class Expected(Table):
    """An intended change of a release."""

    observation: str = Field(min_length=1, description="An observation or test, or a pattern such as 'trace*'.")
    releases: Specifier = Field(description="The releases that show the change.")
    from_: Pattern = Field("", alias="from", description="Searched for in the baseline's signature.")
    to: Pattern = Field("", description="Searched for in the candidate's signature.")
    reason: str = Field(min_length=1)
    link: str = Field(pattern=r"^https?://", description="Where the change was decided.")
    expires: dt.date = Field(description="The day from which the change counts as unexpected again.")


class Qualify(Table):
    """The policy for candidates, and the evidence required for a verdict."""

    block: tuple[Category, ...] = Field(BLOCK, description="Categories that block a candidate.")
    warn: tuple[Category, ...] = Field(WARN, description="Categories that warn; all others are only noted.")
    slow_import: SlowImport = SlowImport()
    enough: Enough = Enough()
    runs: int = Field(2, ge=2, description="Runs of each side of a cell in which something differs.")
    with_: tuple[Require, ...] = Field((), alias="with", description="Alternative pins, each tested separately.")
    expected: tuple[Expected, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _given_list_wins(cls, data: Any) -> Any:
        """Remove the categories of a given list from the other list's default."""
        if isinstance(data, dict):
            for name, other_name, default in (("block", "warn", WARN), ("warn", "block", BLOCK)):
                if name in data and other_name not in data:
                    data = {**data, other_name: [c for c in default if c not in data[name]]}
        return data


class Matrix(Table):
    """Everything that is tested."""

    schema_: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    releases: tuple[Release, ...] = Field(min_length=1, description="Every known stable release, in order.")
    exclude_newer: Timestamp | None = Field(
        None, alias="exclude-newer", description="Only files that the default index had at this time; torch is exempt."
    )
    suites: dict[str, SuiteTable] = Field(
        {"parametrization": SuiteTable(path="tests/cells/parametrization", plugins=False)},
        min_length=1,
        description="The suites by name; the first one is the default.",
    )
    limits: Limits = Limits()
    budget: Budget = Budget()
    builds: dict[BuildName, Build] = Field(min_length=1)
    companions: tuple[Companion, ...] = Field(
        (), description="Packages that come from the build's own index, as torch does."
    )
    pythons: dict[PythonName, Python] = Field(min_length=1)
    pins: tuple[Pin, ...] = ()
    held: tuple[Held, ...] = ()
    selections: dict[str, Selection] = Field(min_length=1)
    qualify: Qualify = Qualify()
    runners: dict[str, Runner] = Field({}, description="Where cells run at a CI service, by platform.")

    def with_exclude_newer(self, exclude_newer: str | None) -> Matrix:
        """Return this matrix with another date for the index, unless that is None."""
        return self.model_copy(update={"exclude_newer": exclude_newer or self.exclude_newer})

    def pins_for(self, release: str) -> list[Pin]:
        """Return the pins of a release, in the order of the file."""
        return [pin for pin in self.pins if matches(release, pin.releases)]

    @property
    def held_files(self) -> tuple[str, ...]:
        """The patterns of all files that are replaced by placeholders."""
        return tuple(pattern for held in self.held for pattern in held.files)
