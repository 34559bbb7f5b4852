"""A suite as runs and reports use it: its tests, what they require, and the folders of its records and results."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.config.model import Limits, Matrix
from scripts.config.project import Project
from scripts.core import paths
from scripts.core.errors import UsageError, did_you_mean
from scripts.core.paths import SuitePaths

#: Longest part of a folder's name in the name of its suite.
_LONGEST: Final = 40
#: Start of the names of projects.
_PROJECT: Final = "project:"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A set of tests that run in every cell.

    Attributes:
        name: its name, also of the folders of its records and results.
        folder: the folder of its tests.
        require: requirements of the tests, in every cell.
        env: variables of the tests.
        limits: the limits of its runs.
        order: files in the order of reports.
        plugins: whether pytest loads installed plugins.
        declared: True for a suite of ``matrix.toml``, False for another folder.
        project: the library whose source tree has the tests, if it is one.
    """

    name: str
    folder: Path
    require: tuple[str, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    limits: Limits = dataclasses.field(default_factory=Limits)
    order: tuple[str, ...] = ()
    plugins: bool = True
    declared: bool = True
    project: Project | None = None

    @property
    def require_key(self) -> str | None:
        """The key that lists its requirements; None if only options do."""
        if self.project is not None:
            return "`require` in [tool.torch-matrix]"
        return f"`require` in [suites.{self.name}]" if self.declared else None

    @property
    def paths(self) -> SuitePaths:
        """The folders of its records, logs, results and so on."""
        if self.project is None:
            return SuitePaths.of(self.name)
        state = _state_name(self.project) if self.name.startswith(_PROJECT) else self.name
        return SuitePaths(state=paths.STATE / state, results=self.project.results)

    def with_env(self, env: Mapping[str, str]) -> Suite:
        """Return the suite with further variables."""
        return dataclasses.replace(self, env={**self.env, **env})


def default_name(matrix: Matrix) -> str:
    """Return the name of the default suite: the first one."""
    return next(iter(matrix.suites))


def named(matrix: Matrix, name: str | None = None) -> Suite:
    """Return a suite of ``matrix.toml``, by default the first one.

    Raises:
        UsageError: matrix.toml has no suite with this name.
    """
    name = name or default_name(matrix)
    if name not in matrix.suites:
        raise UsageError(f"--suite: unknown suite {name!r}{did_you_mean(name, list(matrix.suites))}")
    table = matrix.suites[name]
    return Suite(
        name=name,
        folder=paths.ROOT / table.path,
        require=table.require,
        env=table.env,
        limits=matrix.limits.model_copy(update=table.limits.model_dump(exclude_none=True)),
        order=table.order,
        plugins=table.plugins,
    )


def of_folder(matrix: Matrix, folder: Path, name: str | None = None) -> Suite:
    """Return the suite of a folder that ``matrix.toml`` does not name, with the default suite's requirements.

    By default its name derives from the folder's name and path, so that two folders are never one suite.

    Raises:
        UsageError: the name is invalid, or a suite of ``matrix.toml`` has it.
    """
    default = named(matrix)
    _check_new_name(matrix, name, "--probes")
    return dataclasses.replace(
        default,
        name=name or _folder_name(folder),
        folder=folder.absolute(),
        limits=matrix.limits,
        order=(),
        plugins=True,
        declared=False,
    )


def of_project(matrix: Matrix, project: Project, name: str | None = None) -> Suite:
    """Return the suite of a library's source tree, with the default suite's pytest if it requires none.

    By default its name is the same on every machine, and no suite of ``matrix.toml`` can have it.

    Raises:
        UsageError: the name is invalid, or a suite of ``matrix.toml`` has it.
    """
    _check_new_name(matrix, name, "--project")
    required = {canonicalize_name(Requirement(line).name) for line in project.require}
    default = [line for line in named(matrix).require if canonicalize_name(Requirement(line).name) == "pytest"]
    return Suite(
        name=name or f"{_PROJECT}{canonicalize_name(project.name)}",
        folder=project.folder,
        require=(*project.require, *(() if "pytest" in required else default)),
        env=project.table.env,
        limits=matrix.limits.model_copy(update=project.table.limits.model_dump(exclude_none=True)),
        declared=False,
        project=project,
    )


def _check_new_name(matrix: Matrix, name: str | None, option: str) -> None:
    """Raise `UsageError` if a suite that ``matrix.toml`` does not have may not have a name."""
    if name is None:
        return
    if name in matrix.suites:
        raise UsageError(f"--suite: {name!r} is a suite of matrix.toml; choose another name for {option}")
    if problem := name_problem(name):
        raise UsageError(f"--suite: {problem}")


def _state_name(project: Project) -> str:
    """Return the name of a project's folder in ``.matrix``: two trees of one library have two folders."""
    digest = hashlib.sha256(str(project.folder).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"project-{canonicalize_name(project.name)[:_LONGEST]}-{digest}"


def _folder_name(folder: Path) -> str:
    folder = folder.resolve()
    readable = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:_LONGEST]
    digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{readable or 'folder'}-{digest}"


def name_problem(name: str) -> str | None:
    """Return why a suite may not have a name, or None."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        return f"{name!r} is not a name of a suite: lower-case letters, digits, '.', '_' and '-'"
    if name in paths.RESERVED:
        return f"{name!r} is a folder of .matrix; choose another name"
    return None
