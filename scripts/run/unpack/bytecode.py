"""Cache of bytecode beside uv's cache, by wheel: saved after a cell, restored for the next one with the same wheel.

uv can compile a whole environment, but the tests need a tenth of it: for torch 2.5.1 that takes 14 s of CPU to save
1 s. So only the modules that a cell imported are compiled.

The bytecode files that a cell leaves only show which modules it imported. They are never reused, since a test can write
anything into them: the engine compiles the sources again, with the cell's Python, if they match the hashes of their
wheel's ``RECORD``. Modules that cells imported of other versions are compiled before the tests of a new one.

Compiling can warn, and an observation has to record such a warning each time: such a module is never saved.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import TypeAdapter

from scripts.core import environment, processes
from scripts.core.files import write_atomically
from scripts.run import integrity
from scripts.run.locks import LockedWheel

_FOLDER: Final = "bytecode"
_CACHE: Final = "__pycache__"
_WARNED: Final = ".warned"
_COMPILER: Final = Path(__file__).with_name("pyc.py")
_KNOWN: Final = _COMPILER.with_name("imported.json")

#: Flags, modification time and size of the source, after the magic number.
_HEADER: Final = struct.Struct("<4xLLL")

#: Bytes of sources that compile as fast as the compiler starts: less is not worth it.
_MIN_SOURCES: Final = 250_000

#: Seconds to compile the modules that a cell imported; all of torch takes 15.
_TIMEOUT: Final = 120.0

_PATHS: Final = TypeAdapter(list[str])


class Bytecode:
    """Saved bytecode for the wheels of one environment and one Python (``3.11``, ``3.13t``)."""

    def __init__(
        self,
        cache: Path,
        packages: Path,
        wheels: Sequence[LockedWheel],
        records: Mapping[str, Mapping[str, str]],
        *,
        version: str,
        min_sources: int = _MIN_SOURCES,
    ) -> None:
        """Select the wheels that have a record; ``min_sources`` are the bytes that are worth starting the compiler."""
        self._cache, self._packages, self._min_sources = cache, packages, min_sources
        self._wheels = [wheel for wheel in wheels if wheel.name in records]
        self._tag = f"cpython-{version.replace('.', '')}"
        self._hashes = {path: digest for w in self._wheels for path, digest in records[w.name].items()}
        self._owners = {path: wheel for wheel in self._wheels for path in records[wheel.name]}

    def restore(self) -> None:
        """Link the saved bytecode into the environment."""
        folders: set[str] = set()
        for wheel in self._wheels:
            saved = str(_folder(self._cache, wheel))
            for entry in self._compiled(saved):
                target = f"{self._packages}{entry.path[len(saved) :]}"
                folder = os.path.dirname(target)  # noqa: PTH120 - there are 1,500
                if folder not in folders:
                    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
                    folders.add(folder)
                _link(entry.path, target)

    def prepare(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile the modules imported of other versions, for wheels without saved bytecode. Return as `save`."""
        new = [w for w in self._wheels if next(self._compiled(str(_folder(self._cache, w))), None) is None]
        expected = {path for wheel in new for path in _imported(self._cache, wheel)}
        return self._compile(expected, python, scratch=scratch, log=log)

    def save(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile imported modules without saved bytecode. Return the bytes saved now by wheel; empty if unchanged."""
        imported: set[str] = set()
        new: set[str] = set()
        for entry in self._compiled(str(self._packages)):
            source = self._source(entry.path)
            if source in self._owners:
                imported.add(source)
                # A single link means that Python wrote it: no saved bytecode was valid for the source.
                if os.lstat(entry.path).st_nlink == 1:
                    new.add(source)
        sizes = self._compile(new, python, scratch=scratch, log=log)
        for wheel in self._wheels if sizes else ():
            _remember(self._cache, wheel, sorted(path for path in imported if self._owners[path] is wheel))
        return sizes

    def _source(self, path: str) -> str:
        """Return the source of a bytecode file, relative to site-packages."""
        folder, _, name = path[len(str(self._packages)) + 1 :].replace(os.sep, "/").rpartition("/")
        return f"{folder.removesuffix(_CACHE)}{name.removesuffix(f'.{self._tag}.pyc')}.py"

    def _compile(self, sources: Collection[str], python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile the sources without saved bytecode that match their wheel's hashes. Return as `save`."""
        missing = {source: self._target(source) for source in sources if source in self._owners}
        missing = {source: target for source, target in missing.items() if not self._is_saved(source, target)}
        if sum(_length(self._packages / source) for source in missing) < self._min_sources:
            return {}
        pairs = [
            (str(self._packages / source), str(target))
            for source, target in sorted(missing.items())
            if integrity.matches(self._packages / source, self._hashes[source])
        ]
        if not pairs:
            return {}
        job = scratch / "compile.json"
        write_atomically(job, json.dumps(pairs))
        command: list[str | Path] = [python, "-I", "-S", "-B", _COMPILER, job]
        processes.run(command, log=log, env=environment.tool(), timeout=_TIMEOUT, cwd=scratch)
        return {wheel.name: size for wheel in self._wheels if (size := self._size(wheel))}

    def _is_saved(self, source: str, target: Path) -> bool:
        return _is_valid(target, self._packages / source) or target.with_name(target.name + _WARNED).exists()

    def _target(self, source: str) -> Path:
        """Return the path at which the bytecode of a source is saved."""
        path = PurePosixPath(source)
        return _folder(self._cache, self._owners[source]) / path.parent / _CACHE / f"{path.stem}.{self._tag}.pyc"

    def _compiled(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """Yield the bytecode files for this Python below a folder, except those of pytest and of optimised runs."""
        folders, suffix = [folder], f".{self._tag}.pyc"
        while folders:
            here = folders.pop()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.name.endswith(suffix) and here.endswith(_CACHE):
                        yield entry

    def _size(self, wheel: LockedWheel) -> int:
        saved = _folder(self._cache, wheel)
        return sum(file.stat().st_size for file in saved.rglob("*.pyc")) if saved.exists() else 0


def evict(cache: Path, names: Sequence[str]) -> None:
    """Remove the bytecode of some packages, in all versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _folder(cache: Path, wheel: LockedWheel) -> Path:
    return cache / _FOLDER / wheel.name / wheel.sha256


def _length(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:
        return 0


def _is_valid(pyc: Path, source: Path) -> bool:
    """Return whether Python accepts bytecode for a source: same modification time and size (PEP 3147, PEP 552)."""
    try:
        with pyc.open("rb") as file:
            header = file.read(_HEADER.size)
        status = source.stat()
        return _HEADER.unpack(header) == (0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    except (OSError, struct.error):
        return False


def _imported(cache: Path, wheel: LockedWheel) -> list[str]:
    """Return the modules that a cell imported of any version of a package; before a first cell, the known ones."""
    try:
        return _PATHS.validate_json((cache / _FOLDER / f"{wheel.name}.json").read_bytes())
    except (OSError, ValueError):
        folders = _known().get(wheel.name, {})
        return [f"{folder}/{name}.py".lstrip("/") for folder, names in folders.items() for name in names.split()]


@functools.cache
def _known() -> dict[str, dict[str, str]]:
    """Return the modules of ``imported.json``, by package and folder."""
    modules: dict[str, dict[str, str]] = json.loads(_KNOWN.read_bytes())["modules"]
    return modules


def _remember(cache: Path, wheel: LockedWheel, modules: Sequence[str]) -> None:
    if modules and modules != _imported(cache, wheel):
        write_atomically(cache / _FOLDER / f"{wheel.name}.json", json.dumps(modules, indent=0))


def _link(source: str, target: str) -> None:
    """Link a file; copy it where the file system does not support hard links."""
    try:
        os.link(source, target)
    except OSError:
        Path(target).unlink(missing_ok=True)
        shutil.copy2(source, target)
