#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "nox[uv]>=2026.8.10",
#   "uv>=0.11.3",
#   "packaging>=24",
#   "pydantic>=2.10",
#   "rich>=13.9",
#   "jinja2>=3.1",
#   "pypi-simple>=1.7",
#   "remotezip>=0.12.3",
#   "requests[socks]>=2.32",
#   "isal>=1.8",
#   "installer>=1.0",
#   'inotify-simple>=2.0; sys_platform == "linux"',
#   "filelock>=3.16",
#   "tomlkit>=0.13",
#   "psutil>=6",
# ]
# ///
"""A compatibility matrix of PyTorch: the same tests in an environment for each release.

Each session calls a command of the engine in `scripts/`; `nox -s NAME -- --help` has its options.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # the `nox` program, unlike `python -m nox`, does not add it
    sys.path.insert(0, str(ROOT))

from scripts import cli  # noqa: E402
from scripts.config import cells, matrix_toml  # noqa: E402
from scripts.config.cell import Cell  # noqa: E402
from scripts.core import errors  # noqa: E402

nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True

try:
    MATRIX = matrix_toml.load()
except errors.ConfigError as error:
    sys.exit(f"error: {error}")


def engine(session: nox.Session, command: str, *arguments: str) -> None:
    """Run a command of the engine in this process; an exit code other than 0 fails the session."""
    # Not a subprocess: nox's environment has the engine's dependencies, and a run with nothing to do stays fast.
    code = cli.run_command(command, [*arguments, *session.posargs], program=f"nox -s {session.name.split('(')[0]} --")
    if code:
        session.error(f"exit code {code}")


def jobs(session: nox.Session) -> list[str]:
    """Return ``nox -j N`` as the engine's ``--jobs N``, for sessions that run many cells in one process."""
    parallel = session._runner.global_config.parallel  # noqa: SLF001 - nox has no public name for it
    return [f"--jobs={parallel}"] if parallel else []


@nox.session(venv_backend="none", default=True)
def matrix(session: nox.Session) -> None:
    """Run what has no current record, then show the table and the drift."""
    engine(session, "run", "--selection=matrix", *jobs(session))


def selection_session(name: str, description: str) -> None:
    """Define the session of a selection."""

    def run(session: nox.Session) -> None:
        engine(session, "run", f"--selection={name}", *jobs(session))

    run.__doc__ = f"{description}."
    nox.session(name=name, venv_backend="none", default=False)(run)


for selection_name, selection in MATRIX.selections.items():
    if selection_name != "matrix":
        selection_session(selection_name, selection.description)


def command_session(name: str, summary: str) -> None:
    """Define the session of a command that needs no environment of nox's."""

    def run(session: nox.Session) -> None:
        engine(session, name)

    run.__doc__ = summary[0].upper() + summary[1:] + "."
    nox.session(name=name, venv_backend="none", default=False)(run)


for command_name, command_summary in cli.COMMANDS.items():
    if command_name != "run":
        command_session(command_name, command_summary)


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run the project's own tests; arguments after `--` go to pytest.

    The HTML report is tested in a browser: if there is none, the session installs one or prints how to.
    """
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "engine", "tests"))
    # One more than cores: tests of timeouts and of hanging servers wait.
    arguments = session.posargs or ["-n", str((os.cpu_count() or 1) + 1)]
    session.run("python", "-m", "tests.support.find_browser", *arguments)
    session.run("python", "-m", "pytest", *arguments)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the speed of the engine against plain noxfiles.

    `-- --quick` takes two minutes, the full benchmark less than 30.
    """
    # Not nox's own environment: the synthetic wheels contain the pytest that is installed here.
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "engine", "tests"))
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Run all linters, and check generated files."""
    project = nox.project.load_toml("pyproject.toml")
    session.install(*nox.project.dependency_groups(project, "engine", "tests", "lint"))
    if nox.project.load_toml("noxfile.py")["dependencies"] != list(nox.project.dependency_groups(project, "engine")):
        session.error("the script block of noxfile.py and the group 'engine' of pyproject.toml differ")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    for suite in MATRIX.suites.values():  # one after the other: suites have files of the same names
        path = {"MYPYPATH": os.pathsep.join(["tests/cells", suite.path])}
        options = ("--python-version=3.10", "--explicit-package-bases")
        session.run("mypy", *options, "tests/cells/recorder", suite.path, env=path)
    session.run("lint-imports", "--no-logo")
    session.run("vulture")
    session.run("python", "-m", "scripts.schemas", "--check")
    lint_workflows(session)


def lint_workflows(session: nox.Session) -> None:
    """Check correctness, security and published schemas of the files in .github, offline."""
    session.run("actionlint", *map(str, sorted(ROOT.glob(".github/workflows/*.yml"))))
    session.run("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github")
    for schema, pattern in (
        ("github-workflows", "workflows/*.yml"),
        ("github-actions", "actions/*/action.yml"),
        ("dependabot", "dependabot.yml"),
    ):
        files = map(str, sorted((ROOT / ".github").glob(pattern)))
        session.run("check-jsonschema", f"--builtin-schema=vendor.{schema}", *files)


# Last: `nox -l` lists sessions in the order of this file, and there are hundreds of cells.
@nox.session(venv_backend="none", default=False, allow_parallel=True)
@nox.parametrize(
    "python,torch,build",
    [
        nox.param(cell.python, cell.torch, cell.build, id=cell.id, tags=tags)
        for cell, tags in cells.known(MATRIX).items()
    ],
)
def cell(session: nox.Session, torch: str, build: str) -> None:
    """Run one cell."""
    engine(session, "run", Cell(torch=torch, build=build, python=str(session.python)).id)


if __name__ == "__main__":
    nox.main()
