"""The inputs of the matrix workflow: environment variables of a step, validated before they are used."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from scripts import plan_options
from scripts.config import matrix_toml, requirement
from scripts.config import suite as suites
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import paths
from scripts.core.errors import UsageError
from scripts.options import add_cells, add_selecting, chosen_suite, in_environment
from scripts.run.context import Options

#: The folder into which a caller's repository is checked out, when another repository calls the workflow.
CALLER: Final = "caller"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The validated inputs of a run of the matrix."""

    selection: str = "matrix"
    platforms: tuple[str, ...] = ()
    torch: str | None = None
    since: str | None = None
    require: tuple[str, ...] = ()
    env: tuple[str, ...] = ()  # NAME=VALUE
    exclude_newer: str | None = None
    suite: str | None = None  # a suite of matrix.toml, or the name of the caller's own tests; None: the default one
    probes: Path | None = None  # the caller's own tests; None: a suite of matrix.toml
    project: Path | None = None  # the caller's library: its wheel and its own tests
    results: Path | None = None  # the caller's accepted results
    jobs: int | None = None
    fresh: bool = False
    cells: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, root: Path = paths.ROOT) -> Self:
        """Return the inputs of a step.

        Raises:
            UsageError: an input is invalid; the message names it.
        """

        def get(name: str) -> str:
            return environ.get(f"CI_{name.upper()}", "").strip()

        jobs = get("jobs")
        if jobs and not (jobs.isdigit() and int(jobs)):
            raise UsageError(f"the input 'jobs' is {jobs!r}; it must be a positive integer, or empty")
        return cls(
            selection=get("selection") or "matrix",
            platforms=tuple(get("platforms").replace(",", " ").split()),
            torch=get("torch") or None,
            since=get("since") or None,
            require=tuple(_requirements(root / CALLER, get("require"))),
            env=tuple(line.strip() for line in get("env").splitlines() if line.strip()),
            exclude_newer=get("exclude_newer") or None,
            suite=get("suite") or None,
            probes=_inside(root / CALLER, "probes", get("probes")),
            project=_inside(root / CALLER, "project", get("project")),
            results=_inside(root / CALLER, "results", get("results")),
            jobs=int(jobs) if jobs else None,
            fresh=get("fresh") == "true",
            cells=tuple(get("cells").split()),
        )

    @property
    def is_declared(self) -> bool:
        """True if the cells run a suite of matrix.toml, whose accepted results are in results/."""
        return self.probes is None and self.project is None

    def matrix(self) -> Matrix:
        """Return matrix.toml with the date of the inputs."""
        return in_environment(matrix_toml.load(), self.plan_options())

    def chosen_suite(self, matrix: Matrix) -> Suite:
        """Return the suite of the inputs, with their variables."""
        return chosen_suite(matrix, self.plan_options())

    def options(self, suite: Suite) -> Options:
        """Return the options of the run."""
        return Options(require=self.require, suite=suite)

    @property
    def arguments(self) -> list[str]:
        """The arguments of the `run` command besides the cells."""
        suite = [f"--suite={self.suite}"] if self.suite else []
        probes = [f"--probes={self.probes}"] if self.probes else []
        project = [f"--project={self.project}"] if self.project else []
        day = [f"--exclude-newer={self.exclude_newer}"] if self.exclude_newer else []
        repeated = [*(f"--require={text}" for text in self.require), *(f"--env={text}" for text in self.env)]
        return [*suite, *probes, *project, *day, *repeated]

    def plan_options(self) -> argparse.Namespace:
        """Return the inputs as options of the `plan` command, validated like those.

        Raises:
            UsageError: an input is not a valid option.
        """
        parser = argparse.ArgumentParser(prog="inputs", allow_abbrev=False)
        for add in (add_cells, add_selecting, plan_options.add_arguments):
            add(parser)
        arguments = [
            f"--selection={self.selection}",
            *self.arguments,
            *(f"--platform={name}" for name in self.platforms),
        ]
        arguments += [f"--torch={self.torch}"] if self.torch else []
        arguments += [f"--since={self.since}"] if self.since else []
        try:
            return parser.parse_args([*arguments, "--", *self.cells])
        except SystemExit:
            raise UsageError("invalid input of the workflow; the message above names it") from None


def declared_suite(matrix: Matrix, environ: Mapping[str, str] = os.environ) -> Suite:
    """Return the suite of matrix.toml in the environment variable ``CI_SUITE``, by default the first one."""
    return suites.named(matrix, environ.get("CI_SUITE", "").strip() or None)


def _requirements(folder: Path, text: str) -> Iterator[str]:
    """Yield the requirement on each line; paths are relative to the caller's repository."""
    for line in filter(str.strip, text.splitlines()):
        try:
            yield requirement.parse(line, folder)
        except requirement.RequirementError as error:
            raise UsageError(f"the input 'require': {error}") from None


def _inside(root: Path, name: str, text: str) -> Path | None:
    """Return a folder of the caller's repository, or None for an empty input.

    Raises:
        UsageError: there is no such folder, or it lies outside the repository.
    """
    if not text:
        return None
    try:
        path = (root / text).resolve()
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise UsageError(f"the input {name!r} is not a path: {error}") from None
    if not path.is_relative_to(root.resolve()):
        raise UsageError(f"the input {name!r} is {text!r}, which is outside the repository")
    if not is_folder:
        raise UsageError(f"the input {name!r} is {text!r}, but the repository has no such folder")
    return path
