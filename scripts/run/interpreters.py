"""Find the interpreter of a cell: an installed one, also one inactive in pyenv, or one downloaded by uv."""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
from pathlib import Path

import uv

from scripts.core import processes
from scripts.index import settings
from scripts.run import python_downloads
from scripts.run.python_downloads import Download

_lock = threading.Lock()


@functools.cache
def uv_bin() -> str:
    """Return the path of the uv that was installed with the engine."""
    return uv.find_uv_bin()


def pyenv_folders() -> list[Path]:
    """Return the ``bin`` folders of pyenv's interpreters, active or not, the newest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    versions = [path for path in root.glob("versions/*") if re.match(r"\d+\.\d+", path.name)]
    versions.sort(key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)], reverse=True)
    return [path if sys.platform == "win32" else path / "bin" for path in versions]


def environment() -> dict[str, str]:
    """Return an environment in which uv finds pyenv's inactive interpreters too.

    They precede pyenv's shims in ``PATH``: the shims have the same names, and work only for active versions.
    """
    folders = os.pathsep.join(str(folder) for folder in pyenv_folders())
    return settings.uv_environment(PATH=os.pathsep.join(filter(None, [folders, os.environ.get("PATH", "")])))


def find(python: str) -> Path | None:
    """Return the installed interpreter for ``python`` (``3.11``, ``3.13t``), or None. Download nothing."""
    with _lock:
        return _find(python)


@functools.cache
def _find(python: str) -> Path | None:
    return _uv_python("find", "--system", "--no-project", "--no-python-downloads", python)[0]


def downloads_allowed() -> bool:
    """Return whether uv may download interpreters."""
    uv = settings.read()
    return uv.variables.get("UV_PYTHON_DOWNLOADS") not in {"never", "manual"} and not uv.is_on("UV_OFFLINE")


def problem(python: str) -> str | None:
    """Return the reason why ``python`` is unavailable, or None; nothing is downloaded to find out."""
    if find(python) is not None:
        return None
    if not downloads_allowed():
        return f"no Python {python} on this machine, and downloads are switched off"
    found = download(python).problem
    return f"no Python {python} on this machine, and its download is unreachable: {found}" if found else None


def download(python: str) -> Download:
    """Ask where uv would download ``python`` from."""
    return python_downloads.check(python, uv_bin(), environment())


def find_or_download(python: str) -> tuple[Path | None, str]:
    """Return the interpreter for ``python``, downloaded if necessary; or None and the reason."""
    with _lock:
        return _find_or_download(python)


@functools.cache
def _find_or_download(python: str) -> tuple[Path | None, str]:
    found = _find(python)
    if found is not None:
        return found, ""
    if not downloads_allowed():
        return None, f"no Python {python} on this machine, and downloads are switched off"
    _, error = _uv_python("install", python)
    _find.cache_clear()
    found = _find(python)
    return found, f"no Python {python} on this machine, and uv could not download one: {error}"


def _uv_python(*arguments: str) -> tuple[Path | None, str]:
    """Return the path that ``uv python …`` prints, and the last line of its error output."""
    finished = processes.capture([uv_bin(), "python", *arguments], env=environment())
    errors = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    path = finished.stdout.strip()
    return (Path(path) if finished.returncode == 0 and path else None), (errors[-1] if errors else "")
