"""A library's source tree as a source of tests: ``[tool.torch-matrix]`` of its ``pyproject.toml``, with defaults.

The tree is only read. Metadata that are not in ``pyproject.toml`` come from the built wheel.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import Field, ValidationError, field_validator

from scripts.config import dependency_groups, exclusions, project_name, requirement, validation
from scripts.config.cell import Cell
from scripts.config.exclusions import Metadata
from scripts.config.model import SuiteLimits, Table, declarable
from scripts.config.values import PythonName, Specifier
from scripts.core import urls
from scripts.core.errors import ConfigError

#: Folders of tests, and names of groups and extras with their requirements, in the order in which they are tried.
_TESTS: Final = ("tests", "test")
_GROUPS: Final = ("test", "tests")
#: Tables and lists of ``pyproject.toml`` that are read, with the types that their standards give them.
_TYPES: Final[Mapping[str, type]] = {
    "project": dict,
    "project.dynamic": list,
    "project.dependencies": list,
    "project.optional-dependencies": dict,
    "dependency-groups": dict,
    "tool": dict,
    "tool.torch-matrix": dict,
    "tool.pytest": dict,
    "tool.pytest.ini_options": dict,
}
#: Default folder of accepted records.
RESULTS: Final = ".torch-matrix"


class ProjectTable(Table):
    """``[tool.torch-matrix]`` of a library."""

    tests: tuple[str, ...] | str | None = Field(None, description="Files and folders of tests, from the project.")
    require: tuple[str, ...] | None = Field(
        None, description="Requirements of the tests: PEP 508 lines, and names of dependency groups and extras."
    )
    env: dict[str, str] = Field({}, description="Environment variables of the tests; all others are removed.")
    limits: SuiteLimits = Field(SuiteLimits(), description="Limits that differ from those of matrix.toml.")
    selection: str | None = Field(None, description="A selection of matrix.toml.")
    torch: Specifier | None = Field(None, description="The releases to test.")
    python: tuple[PythonName, ...] | PythonName | None = Field(None, description="The Pythons to test.")
    deselect: tuple[str, ...] = Field((), description="Node ids of tests, classes or files that do not run.")
    results: str = Field(RESULTS, min_length=1, description="Folder of the accepted records, from the project.")

    @field_validator("env")
    @classmethod
    def _declarable(cls, env: dict[str, str]) -> dict[str, str]:
        return declarable(env)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """A library's source tree.

    Attributes:
        folder: its root.
        name: the package's name.
        table: its ``[tool.torch-matrix]``.
        tests: arguments of pytest; none if the project's own settings name its tests.
        require: its wheel with the extras of its tests, then their requirements, as PEP 508 lines.
        torch: requirements on torch among those of the tests.
        metadata: its metadata; None if only a build knows them.
    """

    folder: Path
    name: str
    table: ProjectTable
    tests: tuple[str, ...]
    require: tuple[str, ...]
    torch: tuple[str, ...] = ()
    metadata: Metadata | None = None

    def excludes(self, cell: Cell, metadata: Metadata | None = None) -> str | None:
        """Return why the library excludes a cell, by its own metadata or those of its wheel; None if it does not."""
        known = self.metadata or metadata or Metadata()
        return exclusions.reason(self.name, known, Requirement(self.require[0]).extras, self.torch, cell)

    @property
    def results(self) -> Path:
        """Folder of its accepted records."""
        return self.folder / self.table.results

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons that its table names."""
        named = self.table.python
        return (named,) if isinstance(named, str) else named or ()


def load(folder: Path) -> Project:
    """Read a library's source tree. Raise `ConfigError` with every problem of its table."""
    file = folder / "pyproject.toml"
    if not any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        raise ConfigError(folder, ["--project: has neither pyproject.toml nor setup.py nor setup.cfg"])
    data = _read(file) if file.is_file() else {}
    _check_types(file, data)
    table = _table(file, data)
    name = project_name.of_folder(folder)
    if name is None:
        raise ConfigError(file, ["project.name: no name of the package in pyproject.toml, setup.cfg or setup.py"])
    problems: list[str] = []
    extras, lines = _required(data, table, folder, problems)
    tests = _tests(folder, data, table, name, problems)
    if Path(table.results).is_absolute() or ".." in Path(table.results).parts:
        problems.append(f"results: not a folder within the project: {table.results!r}")
    if problems:
        raise ConfigError(file, [f"tool.torch-matrix.{problem}" for problem in problems])
    parsed, torch = _parsed(lines, folder, file)
    wanted = f"[{','.join(sorted(extras))}]" if extras else ""
    own = f"{name}{wanted} @ {urls.of_path(folder)}"
    return Project(
        folder=folder,
        name=name,
        table=table,
        tests=tests,
        require=(own, *parsed),
        torch=torch,
        metadata=exclusions.static(data.get("project")),
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(file, [f"cannot be read: {error}"]) from None


def _check_types(file: Path, data: Mapping[str, Any]) -> None:
    """Raise `ConfigError` with each key whose value has not the type of its standard."""
    typed = [(key, _value(data, key), wanted) for key, wanted in _TYPES.items()]
    for key in ("project.optional-dependencies", "dependency-groups"):
        found = _value(data, key)
        typed += [(f"{key}.{name}", value, list) for name, value in found.items()] if isinstance(found, dict) else []
    problems = [
        f"{key}: not a {'table' if wanted is dict else 'list'}: {value!r}"
        for key, value, wanted in typed
        if value is not None and not isinstance(value, wanted)
    ]
    if problems:
        raise ConfigError(file, problems)


def _value(data: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key, or None."""
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _table(file: Path, data: Mapping[str, Any]) -> ProjectTable:
    tool = data.get("tool")
    table = tool.get("torch-matrix", {}) if isinstance(tool, dict) else {}
    try:
        return ProjectTable.model_validate(table)
    except ValidationError as error:
        problems = [validation.explain(details, ProjectTable) for details in error.errors()]
        raise ConfigError(file, [f"tool.torch-matrix.{problem}" for problem in problems]) from None


def _required(
    data: Mapping[str, Any], table: ProjectTable, folder: Path, problems: list[str]
) -> tuple[set[str], list[str]]:
    """Return the extras and the lines that the tests require."""
    groups = data.get("dependency-groups", {})
    known = _extras(data)
    wanted = table.require
    if wanted is None:
        wanted = _default(groups) or _default(known)
    extras: set[str] = set()
    lines: list[str] = []
    for text in wanted:
        if canonicalize_name(text) in map(canonicalize_name, groups):
            try:
                lines += dependency_groups.resolve(groups, text)
            except ValueError as error:
                problems.append(f"require: {error}")
        elif canonicalize_name(text) in map(canonicalize_name, known):
            extras.add(text)
        else:
            lines.append(text)
    own = canonicalize_name(project_name.of_folder(folder) or "")
    extras |= {extra for line in lines if _name(line) == own for extra in Requirement(line).extras}
    return extras, [line for line in lines if _name(line) != own]


def _default(names: Iterable[str]) -> tuple[str, ...]:
    """Return the group or extra with the requirements of the tests, if there is one."""
    return next(((name,) for wanted in _GROUPS for name in names if canonicalize_name(name) == wanted), ())


def _name(line: str) -> str | None:
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return None


def _extras(data: Mapping[str, Any]) -> list[str]:
    project = data.get("project")
    found = project.get("optional-dependencies", {}) if isinstance(project, dict) else {}
    return list(found) if isinstance(found, dict) else []


def _parsed(lines: list[str], folder: Path, file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the requirements as PEP 508 lines, without those on torch, and these."""
    torch = tuple(line for line in lines if _name(line) == "torch")
    problems: list[str] = []
    parsed: list[str] = []
    for line in lines:
        if line not in torch:
            try:
                parsed.append(requirement.parse(line, folder))
            except requirement.RequirementError as error:
                problems.append(f"tool.torch-matrix.require: {error}")
    if problems:
        raise ConfigError(file, problems)
    return tuple(parsed), torch


def _tests(
    folder: Path, data: Mapping[str, Any], table: ProjectTable, name: str, problems: list[str]
) -> tuple[str, ...]:
    """Return the arguments of pytest; none if its settings have ``testpaths``."""
    if table.tests is not None:
        chosen = (table.tests,) if isinstance(table.tests, str) else table.tests
        problems += [f"tests: {problem}" for text in chosen if (problem := _problem_of(folder, text))]
        return chosen
    if _has_testpaths(folder, data):
        return ()
    module = canonicalize_name(name).replace("-", "_")
    packages = (f"src/{module}", module)
    candidates = (*_TESTS, *(f"{package}/{name}" for package in packages for name in _TESTS), *packages)
    found = next((text for text in candidates if (folder / text).is_dir()), None)
    if found is None:
        problems.append("tests: no folder tests/ or test/; name the files or folders of the tests")
    return (found or ".",)


def _problem_of(folder: Path, text: str) -> str | None:
    path = Path(text)
    if not text or path.is_absolute() or ".." in path.parts or text.startswith("-") or set(text) & set("[]$%"):
        return f"not a path within the project: {text!r}"
    return None if (folder / path).exists() else f"no such file or folder: {folder / path}"


def _has_testpaths(folder: Path, data: Mapping[str, Any]) -> bool:
    tool = data.get("tool")
    pytest = tool.get("pytest", {}) if isinstance(tool, dict) else {}
    if isinstance(pytest, dict) and "testpaths" in {**pytest, **pytest.get("ini_options", {})}:
        return True
    files = (folder / name for name in ("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg"))
    return any("testpaths" in file.read_text("utf-8", "replace") for file in files if file.is_file())
