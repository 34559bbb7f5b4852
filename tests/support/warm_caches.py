"""Caches of a first run for the next projects with the same index: pytest unpacked and compiled, and interpreters.

uv's cache is keyed by the URL of the index; `Server` uses the ports of stopped servers again.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Final

#: What is the same for every project: unpacked wheels, links to them by index, bytecode, data on interpreters.
_KEPT: Final = ("archive-v*", "wheels-v*", "bytecode", "interpreter-v*")

#: Folders by URL of the index.
_SAVED: Final[dict[str, Path]] = {}


def known(url: str) -> bool:
    """Return whether caches are saved for an index."""
    return url in _SAVED


def save(url: str, cache: Path) -> None:
    """Save the caches of a run, without torch, until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="warm-caches-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for pattern in _KEPT:
        for path in cache.glob(pattern):
            shutil.copytree(path, folder / path.name, symlinks=True)
    unpacked = [path.parent for path in folder.glob("archive-v*/*/torch")]
    for path in [*unpacked, *folder.glob("wheels-v*/index/*/torch"), *folder.glob("bytecode/torch*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    _SAVED[url] = folder


def restore(url: str, cache: Path) -> None:
    """Copy the caches that are saved for an index, if any, into a new project."""
    if url in _SAVED:
        shutil.copytree(_SAVED[url], cache, symlinks=True)
