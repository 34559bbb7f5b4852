"""Finding the interpreter of a cell: what is installed, also inactive in pyenv, or else downloaded by uv."""

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

_lock = threading.Lock()


@functools.cache
def uv_bin() -> str:
    """The uv that was installed with the engine."""
    return uv.find_uv_bin()


def pyenv_folders() -> list[Path]:
    """The ``bin`` folders of pyenv's installed interpreters, the newest first, active or not."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    versions = [path for path in root.glob("versions/*") if re.match(r"\d+\.\d+", path.name)]
    versions.sort(key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)], reverse=True)
    return [path if sys.platform == "win32" else path / "bin" for path in versions]


def environment() -> dict[str, str]:
    """An environment in which uv sees pyenv's inactive interpreters too.

    They go to the front of ``PATH``, since pyenv's shims, which stand there under the same names, answer only
    for active versions.
    """
    folders = os.pathsep.join(str(folder) for folder in pyenv_folders())
    return settings.uv_environment(PATH=os.pathsep.join(filter(None, [folders, os.environ.get("PATH", "")])))


def find(python: str) -> Path | None:
    """The interpreter for ``python`` (``3.11``, ``3.13t``) on this machine, or None. Downloads nothing."""
    with _lock:
        return _find(python)


@functools.cache
def _find(python: str) -> Path | None:
    return _ask_uv("find", "--system", "--no-project", "--no-python-downloads", python)[0]


def downloads_allowed() -> bool:
    """Whether uv may download interpreters."""
    found = settings.read()
    return found.variables.get("UV_PYTHON_DOWNLOADS") not in {"never", "manual"} and not found.is_on("UV_OFFLINE")


def problem(python: str) -> str | None:
    """Why ``python`` can't be had, as far as that shows without downloading."""
    if find(python) is not None or downloads_allowed():
        return None
    return f"no Python {python} on this machine, and downloads are switched off"


def find_or_download(python: str) -> tuple[Path | None, str]:
    """The interpreter for ``python``, downloaded if it isn't here; else None, and why."""
    with _lock:
        return _find_or_download(python)


@functools.cache
def _find_or_download(python: str) -> tuple[Path | None, str]:
    found = _find(python)
    if found is not None:
        return found, ""
    if not downloads_allowed():
        return None, f"no Python {python} on this machine, and downloads are switched off"
    _, complaint = _ask_uv("install", python)
    _find.cache_clear()
    found = _find(python)
    return found, f"no Python {python} on this machine, and uv could not download one: {complaint}"


def _ask_uv(*arguments: str) -> tuple[Path | None, str]:
    """What ``uv python …`` prints, as a path, and the last line of what it complains about."""
    answer = processes.capture([uv_bin(), "python", *arguments], env=environment())
    complaints = [line.strip() for line in answer.stderr.splitlines() if line.strip()]
    path = answer.stdout.strip()
    return (Path(path) if answer.returncode == 0 and path else None), (complaints[-1] if complaints else "")
