"""Source files of a folder: their digest, and a copy to build from.

The folder is only read. A build gets a copy, since builds write files (setuptools: ``build/`` and ``*.egg-info``).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

#: Names of folders without sources. Files ignored by git are included: a build may need generated files.
_NO_SOURCES: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".bzr", ".jj"),
        *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs"),
        *(".tox", ".nox", ".venv", ".matrix", ".torch-matrix", "node_modules"),
    }
)
_ARCHIVES: Final = (".whl", ".tar.gz", ".zip")
#: Names of build requirements that take the version from git.
_FROM_GIT: Final = re.compile(r"scm|vcs|git|dunamai|version")


def files(folder: Path) -> list[Path]:
    """Return the source files of a folder, relative to it, in a stable order; links are followed."""
    return sorted(_walk(folder, folder, frozenset()))


def digest(folder: Path) -> str:
    """Return a digest of the paths and contents of the source files, without times and permissions."""
    total = hashlib.sha256()
    for path in files(folder):
        with (folder / path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(os.fsencode(path.as_posix()) + f"\0{content}\n".encode())
    return total.hexdigest()


def copy(folder: Path, target: Path) -> None:
    """Copy the source files of a folder."""
    target.mkdir(parents=True, exist_ok=True)
    for path in files(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, target / path)


def version_is_from_git(folder: Path) -> bool:
    """Return whether a project takes its version from git, for example with setuptools-scm."""
    if not (folder / ".git").exists():
        return False
    try:
        data: Any = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        from_git = any(_FROM_GIT.search(str(line).lower()) for line in data["build-system"]["requires"])
    except (OSError, ValueError, KeyError, TypeError):
        from_git = False
    return from_git or "use_scm_version" in _text(folder / "setup.py")


def git_folder(folder: Path) -> Path:
    """Return the git directory of a working tree; in a worktree or submodule, ``.git`` is a file with its path."""
    path = folder / ".git"
    link = re.match(r"gitdir: (.+)", _text(path)) if path.is_file() else None
    return (folder / link[1].strip()).resolve() if link else path.resolve()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _walk(folder: Path, root: Path, parents: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in parents:
        return  # a link to a parent folder
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            try:
                mode = entry.stat().st_mode
            except OSError:
                continue  # a broken link
            if stat.S_ISREG(mode):
                yield path.relative_to(root)
            elif stat.S_ISDIR(mode) and not _is_generated(path, top=folder == root):
                yield from _walk(path, root, parents | {identity})


def _is_generated(folder: Path, *, top: bool) -> bool:
    """Return whether a folder holds generated files: a build must not depend on an earlier one."""
    if folder.name in _NO_SOURCES or folder.name.endswith(".egg-info") or (folder / "pyvenv.cfg").is_file():
        return True
    if not top or folder.name not in {"build", "dist"}:
        return False
    names = os.listdir(folder)  # noqa: PTH208 - names alone
    if folder.name == "build":
        return any(name == "lib" or name.startswith(("lib.", "bdist.")) for name in names)
    return all(name.endswith(_ARCHIVES) for name in names)
