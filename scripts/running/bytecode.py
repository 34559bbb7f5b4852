"""Bytecode of installed packages, kept from cell to cell beside uv's cache, by the wheel that it was compiled from.

uv can compile a whole environment, but the probes need a tenth of it: for torch 2.5.1 that takes 14 s of CPU to save
1 s. So Python compiles what it imports, and the next cell or run with the same wheel and Python finds it there.

Compiling can warn, and a warning that an observation records must come each time, not only the first. So of what is
compiled after torch was imported, nothing is kept that a warning named; nor anything of a run that didn't finish.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from scripts.running.environments import Installed
from scripts.running.locks import LockedWheel

_FOLDER: Final = "bytecode"
_CACHE: Final = "__pycache__"

#: Seconds by which the times of files lag behind the clock, at most.
_LAG: Final = 0.05


def lend(cache: Path, packages: Path, wheels: Sequence[LockedWheel]) -> None:
    """Put the kept bytecode of some wheels where they are installed."""
    for wheel in wheels:
        kept = _of(cache, wheel)
        for path in _compiled(kept):
            _link(path, packages / path.relative_to(kept))


def keep(
    cache: Path,
    packages: Path,
    wheels: Sequence[LockedWheel],
    installed: Mapping[str, Installed],
    *,
    imported: float,
    warned_in: Collection[str] | None,
) -> dict[str, int]:
    """Keep what the probes compiled. Returns all bytes now kept, by the wheel's name.

    Args:
        cache: where it is kept.
        packages: the environment's packages.
        wheels: what they were installed from.
        installed: what they are.
        imported: the time (of `time.time`) at which torch was imported.
        warned_in: the files that warnings named since then; None if that isn't known.
    """
    warned = {name.replace("\\", "/").rpartition("site-packages/")[2] for name in warned_in or ()}
    owners = {root: wheel for wheel in wheels if wheel.name in installed for root in installed[wheel.name].roots}
    sizes: dict[str, int] = {}
    for path in _compiled(packages):
        wheel = owners.get(_root(path.relative_to(packages)))
        early = path.stat().st_mtime < imported - _LAG
        if wheel is not None and (early or (warned_in is not None and _source(path, packages) not in warned)):
            _link(path, _of(cache, wheel) / path.relative_to(packages))
            sizes[wheel.name] = sizes.get(wheel.name, 0) + path.stat().st_size
    return sizes


def _source(path: Path, packages: Path) -> str:
    """The file that a file of bytecode was compiled from, as a path within the packages."""
    return Path(importlib.util.source_from_cache(path)).relative_to(packages).as_posix()


def drop(cache: Path, names: Sequence[str]) -> None:
    """Forget the bytecode of some packages, in all their versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _of(cache: Path, wheel: LockedWheel) -> Path:
    """Where a wheel's bytecode is kept."""
    return cache / _FOLDER / wheel.name / wheel.sha256


def _root(path: Path) -> str:
    """The package or module at the top of an installation that a file of bytecode belongs to."""
    if path.parts[0] != _CACHE:
        return path.parts[0]
    return f"{path.name.split('.', 1)[0]}.py"


def _compiled(folder: Path) -> Iterator[Path]:
    """All files of bytecode below a folder."""
    waiting = [str(folder)]
    while waiting:
        with contextlib.suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name.endswith(".pyc") and ".pytest-" not in entry.name:
                    yield Path(entry.path)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, in the place of another file; a copy where the file system has no such thing."""
    with contextlib.suppress(FileNotFoundError):
        if target.samefile(source):
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}")
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copy2(source, temporary)
    temporary.replace(target)
