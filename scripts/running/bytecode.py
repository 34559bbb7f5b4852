"""Bytecode of installed packages, kept from cell to cell beside uv's cache, by the wheel that it was compiled from.

uv can compile a whole environment, but the tests need a tenth of it: for torch 2.5.1 that takes 14 s of CPU to save
1 s. So what a cell imported is compiled once, and the next cell or run with the same wheel and Python finds it there.

A cell only says which modules it imported, by the files of bytecode that it left. These themselves are never taken: a
test can write anything into them. The engine compiles the sources, with the cell's Python, if they have the hashes of
their wheel's ``RECORD``. What another release imported is compiled before the tests, which would otherwise do it.

Compiling can warn, and a warning that an observation records must come each time: such a module is never kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import TypeAdapter

from scripts import process
from scripts.core import environment
from scripts.core.files import write_atomically
from scripts.run import integrity
from scripts.running.locks import LockedWheel

_FOLDER: Final = "bytecode"
_CACHE: Final = "__pycache__"
_WARNED: Final = ".warned"
_COMPILER: Final = Path(__file__).parents[1] / "run" / "unpack" / "pyc.py"

#: Flags, time and size of the source, behind the magic number.
_HEADER: Final = struct.Struct("<4xLLL")

#: Seconds to compile what one cell imported; all of torch takes 15.
_TIMEOUT: Final = 120.0

_PATHS: Final = TypeAdapter(list[str])


class Bytecode:
    """The kept bytecode of one environment's wheels, for one Python: ``3.11``, ``3.13t``."""

    def __init__(
        self,
        cache: Path,
        packages: Path,
        wheels: Sequence[LockedWheel],
        records: Mapping[str, Mapping[str, str]],
        *,
        version: str,
    ) -> None:
        self._cache, self._packages = cache, packages
        self._wheels = [wheel for wheel in wheels if wheel.name in records]
        self._tag = f"cpython-{version.replace('.', '')}"
        self._hashes = {path: digest for w in self._wheels for path, digest in records[w.name].items()}
        self._owners = {path: wheel for wheel in self._wheels for path in records[wheel.name]}

    def restore(self) -> None:
        """Link the kept bytecode into the environment."""
        for wheel in self._wheels:
            kept = _of(self._cache, wheel)
            for path in self._compiled(kept):
                _link(path, self._packages / path.relative_to(kept))

    def prepare(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile what other releases imported, for the wheels of which nothing is kept yet. Returns as `save`."""
        new = [w for w in self._wheels if next(self._compiled(_of(self._cache, w)), None) is None]
        return self._compile(
            {path for w in new for path in _imported(self._cache, w)}, python, scratch=scratch, log=log
        )

    def save(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile what the tests imported and isn't kept. Returns all bytes now kept, by the wheel's name, if any."""
        found = [(path, source) for path in self._compiled(self._packages) if (source := self._source(path))]
        imported = {source for _, source in found}
        for wheel in self._wheels:
            _remember(self._cache, wheel, sorted(path for path in imported if self._owners[path] is wheel))
        # What Python wrote itself has one name only: nothing was kept for it, or nothing that fits the source.
        new = {source for path, source in found if path.stat().st_nlink == 1}
        return self._compile(new, python, scratch=scratch, log=log)

    def _source(self, path: Path) -> str | None:
        """Return the source of a file of bytecode, as its wheel names it; None for what belongs to no wheel."""
        stem = path.name.removesuffix(f".{self._tag}.pyc")
        source = (path.parent.parent / f"{stem}.py").relative_to(self._packages).as_posix()
        return source if source in self._owners else None

    def _compile(self, sources: Collection[str], python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile those sources whose bytecode isn't kept, if they have the content that their wheel says."""
        targets = {source: self._target(source) for source in sources if source in self._owners}
        pairs = [
            (str(self._packages / source), str(target))
            for source, target in sorted(targets.items())
            if not _fits(target, self._packages / source)
            and not target.with_name(target.name + _WARNED).exists()
            and integrity.matches(self._packages / source, self._hashes[source])
        ]
        if not pairs:
            return {}
        job = scratch / "compile.json"
        write_atomically(job, json.dumps(pairs))
        command: list[str | Path] = [python, "-I", "-S", "-B", _COMPILER, job]
        process.run(command, log=log, env=environment.tool(), timeout=_TIMEOUT, cwd=scratch)
        return {wheel.name: size for wheel in self._wheels if (size := self._size(wheel))}

    def _target(self, source: str) -> Path:
        """Return where the bytecode of a source is kept."""
        path = PurePosixPath(source)
        return _of(self._cache, self._owners[source]) / path.parent / _CACHE / f"{path.stem}.{self._tag}.pyc"

    def _compiled(self, folder: Path) -> Iterator[Path]:
        """All files of bytecode for this Python below a folder, but those of pytest and of optimised runs."""
        waiting = [str(folder)]
        while waiting:
            here = waiting.pop()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.name.endswith(f".{self._tag}.pyc") and here.endswith(_CACHE):
                        yield Path(entry.path)

    def _size(self, wheel: LockedWheel) -> int:
        kept = _of(self._cache, wheel)
        return sum(file.stat().st_size for file in kept.rglob("*.pyc")) if kept.exists() else 0


def drop(cache: Path, names: Sequence[str]) -> None:
    """Forget the bytecode of some packages, in all their versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _of(cache: Path, wheel: LockedWheel) -> Path:
    """Where a wheel's bytecode is kept."""
    return cache / _FOLDER / wheel.name / wheel.sha256


def _fits(pyc: Path, source: Path) -> bool:
    """Whether Python takes a file of bytecode for that of a source: it has its time and size (PEP 3147, PEP 552)."""
    try:
        with pyc.open("rb") as file:
            header = file.read(_HEADER.size)
        status = source.stat()
        return _HEADER.unpack(header) == (0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    except (OSError, struct.error):
        return False


def _imported(cache: Path, wheel: LockedWheel) -> list[str]:
    """Return the modules that a cell imported of another version of a package."""
    try:
        return _PATHS.validate_json((cache / _FOLDER / f"{wheel.name}.json").read_bytes())
    except (OSError, ValueError):
        return []


def _remember(cache: Path, wheel: LockedWheel, modules: Sequence[str]) -> None:
    if modules and modules != _imported(cache, wheel):
        write_atomically(cache / _FOLDER / f"{wheel.name}.json", json.dumps(modules, indent=0))


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; a copy where the file system has no such thing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
