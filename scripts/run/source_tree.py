"""The files of a source folder: which of them count, their digest, and a copy to build from.

The folder is only read: a build writes into its tree (setuptools makes ``build/`` and ``*.egg-info``), and gets a copy.
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

#: Folders that hold no sources, wherever they are. Files that git ignores do count: a build may need generated ones.
_NO_SOURCES: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".bzr", ".jj"),
        *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs"),
        *(".tox", ".nox", ".venv", ".matrix", "node_modules"),
    }
)
_ARCHIVES: Final = (".whl", ".tar.gz", ".zip")
#: Build requirements that take the version from git, by what their names hold.
_FROM_GIT: Final = re.compile(r"scm|vcs|git|dunamai|version")


def files(folder: Path) -> list[Path]:
    """Return the files of a source folder that count, relative to it and in a stable order; links are followed."""
    return sorted(_walk(folder, folder, frozenset()))


def digest(folder: Path) -> str:
    """Return a digest of a source folder: of its files' paths and contents, not of times and permissions."""
    total = hashlib.sha256()
    for path in files(folder):
        with (folder / path).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(os.fsencode(path.as_posix()) + f"\0{content}\n".encode())
    return total.hexdigest()


def copy(folder: Path, target: Path) -> None:
    """Copy the files of a source folder that count."""
    target.mkdir(parents=True, exist_ok=True)
    for path in files(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, target / path)


def version_is_from_git(folder: Path) -> bool:
    """Return whether a project in a repository takes its version from git, as with setuptools-scm."""
    if not (folder / ".git").exists():
        return False
    try:
        data: Any = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        named = any(_FROM_GIT.search(str(line).lower()) for line in data["build-system"]["requires"])
    except (OSError, ValueError, KeyError, TypeError):
        named = False
    return named or "use_scm_version" in _text(folder / "setup.py")


def git_folder(folder: Path) -> Path:
    """Return where a repository's data lie; in a worktree and a submodule ``.git`` is a file that says so."""
    place = folder / ".git"
    named = re.match(r"gitdir: (.+)", _text(place)) if place.is_file() else None
    return (folder / named[1].strip()).resolve() if named else place.resolve()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _walk(folder: Path, root: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return  # a link to a folder that it is in
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            try:
                mode = entry.stat().st_mode
            except OSError:
                continue  # a link to nowhere
            if stat.S_ISREG(mode):
                yield path.relative_to(root)
            elif stat.S_ISDIR(mode) and not _is_made(path, top=folder == root):
                yield from _walk(path, root, above | {here})


def _is_made(folder: Path, *, top: bool) -> bool:
    """Return whether a folder holds what was made from the sources: a build must not depend on the one before."""
    if folder.name in _NO_SOURCES or folder.name.endswith(".egg-info") or (folder / "pyvenv.cfg").is_file():
        return True
    if not top or folder.name not in {"build", "dist"}:
        return False
    inside = os.listdir(folder)  # noqa: PTH208 - names alone
    if folder.name == "build":
        return any(name == "lib" or name.startswith(("lib.", "bdist.")) for name in inside)
    return all(name.endswith(_ARCHIVES) for name in inside)
