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

#: Flags, time and size of the source, behind the magic number.
_HEADER: Final = struct.Struct("<4xLLL")

#: Bytes of sources that are compiled as fast as a compiler is started.
_LEAST: Final = 250_000

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
        least: int = _LEAST,
    ) -> None:
        """Take the bytecode of these wheels; ``least`` bytes of sources are worth a compiler."""
        self._cache, self._packages, self._least = cache, packages, least
        self._wheels = [wheel for wheel in wheels if wheel.name in records]
        self._tag = f"cpython-{version.replace('.', '')}"
        self._hashes = {path: digest for w in self._wheels for path, digest in records[w.name].items()}
        self._owners = {path: wheel for wheel in self._wheels for path in records[wheel.name]}

    def restore(self) -> None:
        """Link the kept bytecode into the environment."""
        made: set[str] = set()
        for wheel in self._wheels:
            kept = str(_of(self._cache, wheel))
            for entry in self._compiled(kept):
                target = f"{self._packages}{entry.path[len(kept) :]}"
                folder = os.path.dirname(target)  # noqa: PTH120 - there are 1,500
                if folder not in made:
                    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
                    made.add(folder)
                _link(entry.path, target)

    def prepare(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile what other releases imported, for the wheels of which nothing is kept yet. Returns as `save`."""
        new = [w for w in self._wheels if next(self._compiled(str(_of(self._cache, w))), None) is None]
        expected = {path for wheel in new for path in _imported(self._cache, wheel)}
        return self._compile(expected, python, scratch=scratch, log=log)

    def save(self, python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile what the tests imported and isn't kept. Returns all bytes now kept, by the wheel's name, if any."""
        imported: set[str] = set()
        new: set[str] = set()
        for entry in self._compiled(str(self._packages)):
            source = self._source(entry.path)
            if source in self._owners:
                imported.add(source)
                # What Python wrote itself has one name only: nothing was kept for it, or nothing that fits the source.
                if os.lstat(entry.path).st_nlink == 1:
                    new.add(source)
        sizes = self._compile(new, python, scratch=scratch, log=log)
        for wheel in self._wheels if sizes else ():
            _remember(self._cache, wheel, sorted(path for path in imported if self._owners[path] is wheel))
        return sizes

    def _source(self, path: str) -> str:
        """Return the source of a file of bytecode, relative to the packages."""
        folder, _, name = path[len(str(self._packages)) + 1 :].replace(os.sep, "/").rpartition("/")
        return f"{folder.removesuffix(_CACHE)}{name.removesuffix(f'.{self._tag}.pyc')}.py"

    def _compile(self, sources: Collection[str], python: Path, *, scratch: Path, log: Path) -> dict[str, int]:
        """Compile those sources whose bytecode isn't kept, if they have the content that their wheel says."""
        missing = {source: self._target(source) for source in sources if source in self._owners}
        missing = {source: target for source, target in missing.items() if not self._is_kept(source, target)}
        if sum(_length(self._packages / source) for source in missing) < self._least:
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

    def _is_kept(self, source: str, target: Path) -> bool:
        return _fits(target, self._packages / source) or target.with_name(target.name + _WARNED).exists()

    def _target(self, source: str) -> Path:
        """Return where the bytecode of a source is kept."""
        path = PurePosixPath(source)
        return _of(self._cache, self._owners[source]) / path.parent / _CACHE / f"{path.stem}.{self._tag}.pyc"

    def _compiled(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """All files of bytecode for this Python below a folder, but those of pytest and of optimised runs."""
        waiting, suffix = [folder], f".{self._tag}.pyc"
        while waiting:
            here = waiting.pop()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.name.endswith(suffix) and here.endswith(_CACHE):
                        yield entry

    def _size(self, wheel: LockedWheel) -> int:
        kept = _of(self._cache, wheel)
        return sum(file.stat().st_size for file in kept.rglob("*.pyc")) if kept.exists() else 0


def evict(cache: Path, names: Sequence[str]) -> None:
    """Forget the bytecode of some packages, in all their versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _of(cache: Path, wheel: LockedWheel) -> Path:
    """Where a wheel's bytecode is kept."""
    return cache / _FOLDER / wheel.name / wheel.sha256


def _length(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:
        return 0


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
    """Return the modules that a cell imported of another version of a package; at first, those that are known."""
    try:
        return _PATHS.validate_json((cache / _FOLDER / f"{wheel.name}.json").read_bytes())
    except (OSError, ValueError):
        folders = _known().get(wheel.name, {})
        return [f"{folder}/{name}.py".lstrip("/") for folder, names in folders.items() for name in names.split()]


@functools.cache
def _known() -> dict[str, dict[str, str]]:
    """Return modules by package and folder, of a cell that was recorded once."""
    modules: dict[str, dict[str, str]] = json.loads(_KNOWN.read_bytes())["modules"]
    return modules


def _remember(cache: Path, wheel: LockedWheel, modules: Sequence[str]) -> None:
    if modules and modules != _imported(cache, wheel):
        write_atomically(cache / _FOLDER / f"{wheel.name}.json", json.dumps(modules, indent=0))


def _link(source: str, target: str) -> None:
    """Give a file a second name; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        Path(target).unlink(missing_ok=True)
        shutil.copy2(source, target)
