"""A copy of this project in a separate folder, and its commands as processes in an isolated environment."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
import uv

from tests.support import warm_caches
from tests.support.index import LocalIndex
from tests.support.matrices import SUITE

ROOT: Final = Path(__file__).resolve().parents[2]

#: Files and folders that a run needs.
_COPIED: Final = ("noxfile.py", "pyproject.toml", "scripts", "tests/cells")

#: Variables that commands inherit: none that concerns package indexes or the user.
_INHERITED: Final = ("PYENV_ROOT", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "UV_PYTHON_INSTALL_DIR")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
    """The exit code and the output of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Standard output, then standard error."""
        return self.stdout + self.stderr


class Project:
    """A copy of the project. ``env`` is the environment of its commands, which tests may change."""

    def __init__(self, folder: Path, matrix: str, index: LocalIndex, *, warm: bool = True) -> None:
        """Copy the project into a subfolder.

        Args:
            folder: where the project, its home and its caches are created.
            matrix: the text of ``matrix.toml``.
            index: the index of all packages.
            warm: start with the caches that are saved for the index.
        """
        self.root = folder / "project"
        for name in _COPIED:
            _copy(ROOT / name, self.root / name)
        self.write_matrix(matrix)
        self.env = environment(folder, index)
        if warm:
            warm_caches.restore(index.url(), self.root / ".matrix" / "cache")

    def write_matrix(self, text: str) -> None:
        """Replace ``matrix.toml``."""
        (self.root / "matrix.toml").write_text(text, encoding="utf-8")

    def nox(self, *arguments: str, env: Mapping[str, str | None] | None = None, timeout: float = 60) -> Finished:
        """Run ``python -m nox``: ``project.nox("-s", "matrix", "--", "--fresh")``.

        Args:
            arguments: arguments of nox.
            env: changes of the environment, for this run only; None removes a variable.
            timeout: seconds after which the process and its children are killed.

        Raises:
            subprocess.TimeoutExpired: the timeout expired; the exception has the output.
        """
        return self.run([sys.executable, "-m", "nox", *arguments], env=env, timeout=timeout)

    def scripts(self, *arguments: str, env: Mapping[str, str | None] | None = None, timeout: float = 60) -> Finished:
        """Run ``python -m scripts`` as `nox` does; sessions of nox turn every failure into exit code 1."""
        return self.run([sys.executable, "-m", "scripts", *arguments], env=env, timeout=timeout)

    def run(self, command: Sequence[str], *, env: Mapping[str, str | None] | None, timeout: float) -> Finished:
        """Run any command, as `nox` does."""
        child = self.start(command, env=env)
        try:
            stdout, stderr = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as late:
            kill_tree(child)
            stdout, stderr = child.communicate()
            raise subprocess.TimeoutExpired(late.cmd, late.timeout, stdout, stderr) from None
        except BaseException:
            kill_tree(child)
            raise
        return Finished(code=child.returncode, stdout=stdout, stderr=stderr)

    def start(self, command: Sequence[str], *, env: Mapping[str, str | None] | None = None) -> subprocess.Popen[str]:
        """Start any command in the project, to interrupt or kill it; end it with `kill_tree`."""
        changed = {**self.env, **(env or {})}
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={name: value for name, value in changed.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # A shell lets its background processes ignore Ctrl-C, which these tests send.
            preexec_fn=_listen_to_interrupts if sys.platform != "win32" else None,  # noqa: PLW1509 - safe, short as it is
        )

    @property
    def state(self) -> Path:
        """The folder of the default suite's records, logs and so on."""
        return self.root / ".matrix" / SUITE

    @property
    def suite(self) -> Path:
        """The folder of the default suite's tests."""
        return self.root / "tests" / "cells" / SUITE

    def records(self) -> dict[str, Any]:
        """Return the fresh records by cell id."""
        return _read(self.state / "records")

    def records_of_a_folder(self) -> dict[str, Any]:
        """Return the fresh records of the one suite that is not the default, by cell id."""
        (folder,) = (path for path in (self.root / ".matrix").glob("*/records") if path.parent != self.state)
        return _read(folder)

    def results(self) -> dict[str, Any]:
        """Return the accepted records by cell id."""
        return _read(self.root / "results")


def environment(folder: Path, index: LocalIndex) -> dict[str, str]:
    """Return an environment without the user's settings but with their interpreters, and with one index only."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    pyenv, uv_pythons = Path.home() / ".pyenv", Path.home() / ".local" / "share" / "uv" / "python"
    found = {"PYENV_ROOT": pyenv, "UV_PYTHON_INSTALL_DIR": uv_pythons}
    # The Python of the tests comes first, since its environment has nox and uv.
    first = [str(Path(sys.executable).parent), str(Path(uv.find_uv_bin()).parent)]
    return {
        **{name: str(path) for name, path in found.items() if path.is_dir()},
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "PATH": os.pathsep.join([*first, os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CONFIG_DIRS": str(home / ".config"),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
        "NOX_SCRIPT_MODE": "none",  # the environment of the tests has the noxfile's requirements
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url(),
        "UV_DEFAULT_INDEX": index.url(),
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_HTTP_RETRIES": "0",  # otherwise each test of a failing index waits for seconds
        "UV_HTTP_TIMEOUT": "10",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def _listen_to_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill_tree(child: subprocess.Popen[str]) -> None:
    """Kill a process and its descendants, including those in another session."""
    try:
        tree = [*psutil.Process(child.pid).children(recursive=True), psutil.Process(child.pid)]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, with modification times, so that copied bytecode is valid."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _read(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))}
