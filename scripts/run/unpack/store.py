"""Store of unpacked big wheels beside uv's cache, which are linked into every environment that needs them.

uv unpacks every byte of a wheel. A cell without GPU opens little of a CUDA wheel, so the engine unpacks big wheels
itself, with placeholders for the files that `matrix.toml` lists under ``[[held]]``. uv installs all other wheels: small
and local ones, those that need a real installer, and those that could not be fetched here, so that uv reports why.
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

from scripts.run import owners
from scripts.run.locks import LockedWheel
from scripts.run.unpack import unsupported
from scripts.run.unpack.placeholders import PlaceholderRules
from scripts.run.unpack.unzip import PackedFile

_FOLDER: Final = "unpacked"
_FILES: Final = "files"
_SKIPPED: Final = "held.json"
_SKIPPED_FILES: Final = TypeAdapter(list[PackedFile])

#: Bytes from which on a wheel is big.
BIG: Final = 20_000_000


def to_fetch(cache: Path, wheels: Sequence[LockedWheel], rules: PlaceholderRules, *, log: Path) -> list[LockedWheel]:
    """Return the wheels that the store lacks and takes."""
    missing = [wheel for wheel in wheels if not has(cache, wheel, rules)]
    wanted = [wheel for wheel in missing if _is_eligible(wheel) and not _uv_marker(cache, wheel).exists()]
    for wheel in wanted:
        if folder(cache, wheel).exists() and _read_skipped(cache, wheel) is None:
            append(log, f"{wheel.filename}: unpacking again, {folder(cache, wheel)} is unusable")
    return wanted


def has(cache: Path, wheel: LockedWheel, rules: PlaceholderRules) -> bool:
    """Return whether the store has a wheel with every file for which ``rules`` allow no placeholder."""
    skipped = _read_skipped(cache, wheel)
    return skipped is not None and all(rules(file.path, file.size) for file in skipped)


def is_incomplete(cache: Path, wheel: LockedWheel, rules: PlaceholderRules) -> bool:
    """Return whether the store has a wheel, but lacks a file for which ``rules`` allow no placeholder."""
    return folder(cache, wheel).is_dir() and not has(cache, wheel, rules)


def skipped_files(cache: Path, wheel: LockedWheel) -> list[PackedFile]:
    """Return the files that were skipped when a wheel was unpacked."""
    return _read_skipped(cache, wheel) or []


def _read_skipped(cache: Path, wheel: LockedWheel) -> list[PackedFile] | None:
    """Return the files that were skipped when a wheel was unpacked; None where the store has no usable wheel."""
    stored = folder(cache, wheel)
    try:
        skipped = _SKIPPED_FILES.validate_json((stored / _SKIPPED).read_bytes())
        for file in skipped:
            unsupported.check_path(file.path)
    except (OSError, ValueError):
        return None
    return skipped if (stored / _FILES).is_dir() else None


def install(cache: Path, wheel: LockedWheel, packages: Path, python: Path) -> list[Path]:
    """Link a wheel of the store into an environment. Return its placeholders, which have their files' sizes.

    Raises:
        UnsupportedWheelError: the wheel has scripts that uv must check; nothing was linked.
        OSError: a file cannot be linked.
    """
    files = folder(cache, wheel) / _FILES
    wheel_scripts = scripts(files)
    _link(files, packages)
    for script in wheel_scripts:
        _write_script(script, python)
    return [_write_placeholder(packages, file) for file in skipped_files(cache, wheel)]


def scripts(files: Path) -> list[Script]:
    """Return the scripts that an unpacked wheel declares. Raises `UnsupportedWheelError`."""
    entry_points = sorted(files.glob("*.dist-info/entry_points.txt"))
    return [script for file in entry_points for script in unsupported.scripts(file.read_bytes())]


def leave_to_uv(cache: Path, wheels: Sequence[LockedWheel]) -> None:
    """Mark wheels as installed by uv, so that the store does not download them a second time, where it can."""
    for wheel in filter(_is_eligible, wheels):
        marker = _uv_marker(cache, wheel)
        with contextlib.suppress(OSError):
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()


def evict(cache: Path, names: Sequence[str]) -> None:
    """Remove packages from the store, in all versions."""
    for name in names:
        stored = cache / _FOLDER / name
        hidden = cache / _FOLDER / owners.temporary_name()
        with contextlib.suppress(FileNotFoundError):
            stored.rename(hidden)  # atomic: no cell links half of a wheel
        shutil.rmtree(hidden, ignore_errors=True)


def temporary_folders(cache: Path) -> list[Path]:
    """Return the hidden folders of wheels that are being unpacked or removed, by this process or another."""
    return [*(cache / _FOLDER).glob(".*"), *(cache / _FOLDER).glob("*/.*")]


def add(unpacked: Path, target: Path, skipped: Sequence[PackedFile]) -> None:
    """Move an unpacked wheel to its folder in the store atomically, replacing an existing one."""
    (unpacked / _SKIPPED).write_text(json.dumps([vars(file) for file in skipped], indent=0), encoding="utf-8")
    replaced = target.with_name(owners.temporary_name())
    with contextlib.suppress(FileNotFoundError):
        target.rename(replaced)
    unpacked.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a new folder to unpack a wheel in, and its subfolder for the files; remove it unless it was moved."""
    unpacked = target.with_name(owners.temporary_name())
    (unpacked / _FILES).mkdir(parents=True)
    try:
        yield unpacked, unpacked / _FILES
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _is_eligible(wheel: LockedWheel) -> bool:
    """Return whether the store takes a wheel. Only Linux has wheels that are worth it."""
    remote = wheel.url.startswith(("http://", "https://"))
    return sys.platform == "linux" and remote and bool(wheel.sha256) and (wheel.size or 0) >= BIG


def folder(cache: Path, wheel: LockedWheel) -> Path:
    """Return the folder of a wheel in the store."""
    return cache / _FOLDER / wheel.name / wheel.sha256


def _uv_marker(cache: Path, wheel: LockedWheel) -> Path:
    """Return the file that exists if uv installed a wheel that the store would take."""
    return folder(cache, wheel).with_suffix(".uv")


def _link(source: Path, target: Path) -> None:
    """Link all files of a folder into another one, replacing existing files as every installer does."""
    target.mkdir(exist_ok=True)
    with os.scandir(source) as entries:
        for entry in entries:
            path = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                _link(Path(entry.path), path)
            else:
                try:
                    os.link(entry.path, path)
                except FileExistsError:
                    path.unlink()
                    os.link(entry.path, path)


def _write_placeholder(packages: Path, file: PackedFile) -> Path:
    path = packages / file.path
    path.unlink(missing_ok=True)  # another wheel may have the same file
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    with open(descriptor, "wb") as empty:  # noqa: PTH123 - only this takes a descriptor
        empty.truncate(file.size)
    return path


def append(log: Path, line: str) -> None:
    """Append a line to a log."""
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{line}\n")


def _write_script(script: Script, python: Path) -> None:
    name, content = script.generate(str(python), "posix")
    path = python.parent / name
    path.unlink(missing_ok=True)  # never write through an existing link
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - only this takes a descriptor
        file.write(content)
