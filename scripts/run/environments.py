"""Virtual environments of cells: their paths, owners, creation and removal."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.core import processes
from scripts.index import settings
from scripts.run import failures, owners
from scripts.run.interpreters import uv_bin

#: The owner of an environment that the user keeps.
KEPT: Final = "kept"

#: Seconds to create an empty environment, which takes a tenth of a second.
_CREATE_TIMEOUT: Final = 120.0

#: Prefix of environments that are about to be removed; the next run removes them if this one is killed.
_RETIRED: Final = ".removing-"


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def site_packages(folder: Path) -> Path:
    """Return the folder of an environment's packages."""
    if sys.platform == "win32":
        return folder / "Lib" / "site-packages"
    return next(folder.glob("lib/python*/site-packages"), folder)


def create(folder: Path, python: Path, *, cache: Path, log: Path) -> None:
    """Create an empty environment, replacing one that an interrupted run may have left.

    Raises:
        CellError: uv cannot create it.
    """
    remove(folder)
    claim(folder, owners.me())
    command: list[str | Path] = [
        *(uv_bin(), "venv", folder, "--python", python),
        *("--no-python-downloads", "--no-project", "--quiet", "--cache-dir", cache),
    ]
    done = processes.run(command, log=log, env=settings.uv_environment(), timeout=_CREATE_TIMEOUT)
    if not done.ok:
        raise uv_error(done, _CREATE_TIMEOUT)


def uv_error(done: processes.Finished, timeout: float) -> failures.CellError:
    """Return the error for a failed ``uv venv`` or ``uv pip install``, which had ``timeout`` seconds."""
    if done.timed_out:
        return failures.CellError("install", "timed out", f"installing took longer than {timeout:g} s")
    return failures.of_installing(done.output)


def retire(folder: Path) -> Path:
    """Rename an environment that is to be removed. Return its new path."""
    _owner_file(folder).unlink(missing_ok=True)
    return folder.rename(folder.with_name(f"{_RETIRED}{folder.name}-{uuid.uuid4().hex[:8]}"))


def claim(folder: Path, owner: str) -> None:
    """Record the owner of an environment: a process, or `KEPT`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _owner_file(folder).write_text(owner, encoding="utf-8")


def owner(folder: Path) -> str:
    """Return the owner of an environment; an empty string where it is unknown."""
    try:
        return _owner_file(folder).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _owner_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.owner")


def remove(folder: Path) -> None:
    """Remove an environment, including read-only files."""

    def make_writable(function: Callable[..., object], path: str, _error: object) -> None:
        if not os.path.exists(path):  # noqa: PTH110
            return
        os.chmod(path, stat.S_IWRITE)  # noqa: PTH101
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=make_writable)
    _owner_file(folder).unlink(missing_ok=True)
