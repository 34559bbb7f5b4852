"""Big wheels, unpacked once beside uv's cache and linked into every environment that needs them.

uv unpacks every byte of a wheel. Most of what a CUDA wheel holds, a cell without GPU never opens; so big wheels are
unpacked here, but for the files that `matrix.toml` holds back. All else is left to uv: small wheels, local ones, those
that only an installer can handle, and every wheel that couldn't be had here, of which uv then tells why.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from installer.scripts import Script
from pydantic import TypeAdapter

from scripts.core import paths, processes
from scripts.core.files import write_atomically
from scripts.index import settings
from scripts.run import failures, owners
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack import oddities
from scripts.run.unpack.holding import Hold
from scripts.run.unpack.unzip import Packed

_FOLDER: Final = "unpacked"
_FILES: Final = "files"
_HELD: Final = "held.json"
_HELD_FILES: Final = TypeAdapter(list[Packed])

#: Bytes of a wheel from which on it is big.
BIG: Final = 20_000_000

#: Wheels of one cell that come at once: two cores unpack no more, and one stream seldom fills a line.
_STREAMS: Final = 4


def fetch(cache: Path, lock: Lock, hold: Hold, *, log: Path, timeout: float) -> float:
    """Unpack the big wheels of a lock that aren't there. Returns the seconds it took.

    Raises:
        CellError: it took too long.
    """
    missing = [wheel for wheel in lock.wheels if not has(cache, wheel, hold)]
    wanted = [wheel for wheel in missing if _fits(wheel) and not _left_to_uv(cache, wheel).exists()]
    if not wanted:
        return 0.0
    broken = [wheel for wheel in wanted if _of(cache, wheel).exists() and _held(cache, wheel) is None]
    for wheel in broken:
        _append(log, f"{wheel.filename} is unpacked again: what lies in {_of(cache, wheel)} can't be used")
    job = lock.path.with_name("unpack.json")
    wheels = [
        {"filename": wheel.filename, "url": wheel.url, "sha256": wheel.sha256, "folder": str(_of(cache, wheel))}
        for wheel in sorted(wanted, key=lambda wheel: -(wheel.size or 0))
    ]
    said = {"wheels": wheels, "patterns": hold.patterns, "needed": sorted(hold.needed), "streams": _STREAMS}
    write_atomically(job, json.dumps(said, indent=1))
    # A process of its own can be ended at any time, and has a processor of its own.
    command: list[str | Path] = [sys.executable, "-m", "scripts.run.unpack.worker", job]
    done = processes.run(command, log=log, env=settings.uv_environment(), timeout=timeout, cwd=paths.ROOT)
    if done.timed_out:
        raise failures.CellError("download", "timed out", f"downloading took longer than {timeout:g} s")
    return round(done.seconds, 3)


def has(cache: Path, wheel: LockedWheel, hold: Hold) -> bool:
    """Whether a wheel lies unpacked here, with every file that isn't to be held back."""
    listed = _held(cache, wheel)
    return listed is not None and all(hold(file.path, file.size) for file in listed)


def lacks(cache: Path, wheel: LockedWheel, hold: Hold) -> bool:
    """Whether a wheel lies here, but without a file that isn't to be held back."""
    return _of(cache, wheel).is_dir() and not has(cache, wheel, hold)


def held(cache: Path, wheel: LockedWheel) -> list[Packed]:
    """The files that were held back when a wheel was unpacked."""
    return _held(cache, wheel) or []


def _held(cache: Path, wheel: LockedWheel) -> list[Packed] | None:
    """Return the files that were held back; None where no usable wheel is, so that it is unpacked again."""
    folder = _of(cache, wheel)
    try:
        listed = _HELD_FILES.validate_json((folder / _HELD).read_bytes())
        for file in listed:
            oddities.path_of(file.path)
    except (OSError, ValueError):
        return None
    return listed if (folder / _FILES).is_dir() else None


def install(cache: Path, wheel: LockedWheel, packages: Path, python: Path) -> list[Path]:
    """Link a wheel that lies here into an environment. Returns the placeholders of what was held back.

    A placeholder has the size of the file it stands for, and no content.

    Raises:
        OddError: the wheel has scripts that are left to uv; nothing was linked.
        OSError: something can't be linked.
    """
    files = _of(cache, wheel) / _FILES
    wanted = scripts(files)
    _link(files, packages)
    for script in wanted:
        _write_script(script, python)
    return [_placeholder(packages, file) for file in held(cache, wheel)]


def scripts(files: Path) -> list[Script]:
    """Return the scripts that an unpacked wheel asks for. Raises `OddError`."""
    points = sorted(files.glob("*.dist-info/entry_points.txt"))
    return [script for info in points for script in oddities.scripts(info.read_bytes())]


def leave_to_uv(cache: Path, wheels: Sequence[LockedWheel]) -> None:
    """Note that uv has some wheels, so that they aren't fetched a second time to lie here."""
    for wheel in filter(_fits, wheels):
        note = _left_to_uv(cache, wheel)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()


def drop(cache: Path, names: Sequence[str]) -> None:
    """Forget some packages, in all their versions."""
    for name in names:
        folder = cache / _FOLDER / name
        hidden = cache / _FOLDER / owners.temporary_name()
        with contextlib.suppress(FileNotFoundError):
            folder.rename(hidden)  # at once: nobody links half of a wheel
        shutil.rmtree(hidden, ignore_errors=True)


def put(unpacked: Path, folder: Path, held_back: Sequence[Packed]) -> None:
    """Give an unpacked wheel its place, whole or not at all; one that is there already goes."""
    (unpacked / _HELD).write_text(json.dumps([vars(file) for file in held_back], indent=0), encoding="utf-8")
    replaced = folder.with_name(owners.temporary_name())
    with contextlib.suppress(FileNotFoundError):
        folder.rename(replaced)
    unpacked.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


@contextlib.contextmanager
def making(folder: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to unpack a wheel in, and within it the one for its files; removed at the end if still there."""
    unpacked = folder.with_name(owners.temporary_name())
    (unpacked / _FILES).mkdir(parents=True)
    try:
        yield unpacked, unpacked / _FILES
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _fits(wheel: LockedWheel) -> bool:
    """Whether a wheel is for this module: elsewhere than on Linux, no wheel is that big."""
    remote = wheel.url.startswith(("http://", "https://"))
    return sys.platform == "linux" and remote and bool(wheel.sha256) and (wheel.size or 0) >= BIG


def _of(cache: Path, wheel: LockedWheel) -> Path:
    """Where a wheel lies."""
    return cache / _FOLDER / wheel.name / wheel.sha256


def _left_to_uv(cache: Path, wheel: LockedWheel) -> Path:
    """A file that is there if uv has a wheel which would have its place here."""
    return _of(cache, wheel).with_suffix(".uv")


def _link(source: Path, target: Path) -> None:
    """Link all files of a folder into another one; what is there already gives way, as with every installer."""
    target.mkdir(exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                _link(Path(entry.path), place)
            else:
                try:
                    os.link(entry.path, place)
                except FileExistsError:
                    place.unlink()
                    os.link(entry.path, place)


def _placeholder(packages: Path, file: Packed) -> Path:
    path = packages / file.path
    path.unlink(missing_ok=True)  # another wheel may have the same file
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    with open(descriptor, "wb") as empty:  # noqa: PTH123 - only this takes a descriptor
        empty.truncate(file.size)
    return path


def _append(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{line}\n")


def _write_script(script: Script, python: Path) -> None:
    name, content = script.generate(str(python), "posix")
    path = python.parent / name
    path.unlink(missing_ok=True)  # never through a link that is there already
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - only this takes a descriptor
        file.write(content)
