"""The inputs of the workflows, as their steps get them: environment variables, checked before they are used."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from scripts import paths
from scripts.commands.options import add_cells, add_selecting
from scripts.config import requirement
from scripts.errors import UsageError
from scripts.matrix import choosing
from scripts.running.workshop import Options

#: Where a caller's repository is checked out, when the workflow is called from another one.
CALLER: Final = "caller"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a run of the matrix was asked for."""

    selection: str = "matrix"
    platforms: tuple[str, ...] = ()
    torch: str | None = None
    since: str | None = None
    require: tuple[str, ...] = ()
    probes: Path | None = None  # a caller's tests; None: the project's own
    results: Path | None = None  # a caller's accepted results
    jobs: int | None = None
    fresh: bool = False
    cells: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, root: Path = paths.ROOT) -> Self:
        """The inputs of a step. Raises `UsageError`, which names the input, for what can't be used."""

        def get(name: str) -> str:
            return environ.get(f"CI_{name.upper()}", "").strip()

        jobs = get("jobs")
        if jobs and not (jobs.isdigit() and int(jobs)):
            raise UsageError(f"the input 'jobs' is {jobs!r}; it must be a positive number, or empty")
        return cls(
            selection=get("selection") or "matrix",
            platforms=tuple(get("platforms").replace(",", " ").split()),
            torch=get("torch") or None,
            since=get("since") or None,
            require=tuple(_requirements(root / CALLER, get("require"))),
            probes=_inside(root / CALLER, "probes", get("probes")),
            results=_inside(root / CALLER, "results", get("results")),
            jobs=int(jobs) if jobs else None,
            fresh=get("fresh") == "true",
            cells=tuple(get("cells").split()),
        )

    @property
    def own_probes(self) -> bool:
        """Whether the project's own probes are run, which are the ones that results/ tells of."""
        return self.probes is None

    @property
    def options(self) -> Options:
        """The runner's options."""
        return Options(require=self.require, probes=self.probes)

    @property
    def arguments(self) -> list[str]:
        """What `run` needs besides the cells."""
        named = [f"--probes={self.probes}"] if self.probes else []
        return [*named, *(f"--require={text}" for text in self.require)]

    def choice(self) -> argparse.Namespace:
        """The inputs as the options of `plan`, checked as those are."""
        parser = argparse.ArgumentParser(prog="inputs", allow_abbrev=False)
        for add in (add_cells, add_selecting, choosing.add_arguments):
            add(parser)
        said = [f"--selection={self.selection}", *self.arguments, *(f"--platform={name}" for name in self.platforms)]
        said += [f"--torch={self.torch}"] if self.torch else []
        said += [f"--since={self.since}"] if self.since else []
        try:
            return parser.parse_args([*said, "--", *self.cells])
        except SystemExit:
            raise UsageError("an input of the workflow can't be used; the message above names it") from None


def _requirements(folder: Path, text: str) -> Iterator[str]:
    """Yield one requirement a line; paths are relative to the caller's repository."""
    for line in filter(str.strip, text.splitlines()):
        try:
            yield requirement.parse(line, folder)
        except requirement.RequirementError as error:
            raise UsageError(f"the input 'require': {error}") from None


def _inside(root: Path, name: str, text: str) -> Path | None:
    """A folder of the caller's repository. Raises `UsageError` for one that isn't there, or lies elsewhere."""
    if not text:
        return None
    path = (root / text).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UsageError(f"the input {name!r} is {text!r}, which lies outside the repository")
    if not path.is_dir():
        raise UsageError(f"the input {name!r} is {text!r}, and the repository has no such folder")
    return path
