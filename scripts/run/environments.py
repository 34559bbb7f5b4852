"""A cell's environment: made by uv from a lock, with verified hashes, and removed after use."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from scripts.core import machine, processes
from scripts.index import settings
from scripts.run import failures, owners
from scripts.run.interpreters import uv_bin
from scripts.run.locks import Lock, LockedWheel, hashed_requirements
from scripts.run.unpack import store
from scripts.run.unpack.holding import NOTHING, Hold

#: How uv installs: by hard links, which keep the times that bytecode is valid for, and are compared after use. Only
#: macOS makes copies that share their blocks and keep their times.
_LINK_MODE: Final = "clone" if sys.platform == "darwin" else "hardlink"

#: The owner of an environment that a person asked to keep.
KEPT: Final = "kept"

#: Seconds to make an empty environment, which takes a tenth of one.
_CREATE = 120.0


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def create(folder: Path, python: Path, *, cache: Path, log: Path) -> None:
    """Make an empty environment, in the place of one that an interrupted run may have left.

    Raises:
        CellError: uv can't make it.
    """
    remove(folder)
    claim(folder, owners.me())
    command: list[str | Path] = [
        uv_bin(),
        "venv",
        folder,
        "--python",
        python,
        "--no-python-downloads",
        "--no-project",
        "--quiet",
    ]
    done = processes.run([*command, "--cache-dir", cache], log=log, env=settings.uv_environment(), timeout=_CREATE)
    if not done.ok:
        raise _error(done, _CREATE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filled:
    """How an environment was filled: seconds of downloading and unpacking, and what was held back."""

    seconds: float
    placeholders: tuple[Path, ...]


def install(folder: Path, lock: Lock, *, cache: Path, log: Path, timeout: float, hold: Hold = NOTHING) -> Filled:
    """Install exactly what a lock holds, but for the content of files that are held back.

    Raises:
        CellError: a download broke off, a hash is wrong, the disk is full, …
    """
    seconds, placeholders, left = _install_unpacked(folder, lock, hold, cache=cache, log=log, timeout=timeout)
    if left:
        seconds += _install_by_uv(folder, lock, left, cache=cache, log=log, timeout=timeout)
        store.leave_to_uv(cache, left)
    return Filled(seconds=round(seconds, 3), placeholders=tuple(placeholders))


def _install_unpacked(
    folder: Path, lock: Lock, hold: Hold, *, cache: Path, log: Path, timeout: float
) -> tuple[float, list[Path], list[LockedWheel]]:
    """Link the wheels that the engine unpacks itself. Returns seconds, placeholders, and the wheels left to uv."""
    placeholders: list[Path] = []
    left: list[LockedWheel] = []
    seconds = 0.0
    with _optional("unpacking big wheels", log):
        seconds = store.fetch(cache, lock, hold, log=log, timeout=timeout)
    for wheel in lock.wheels:
        installed = False
        with _optional(f"linking {wheel.name}", log):
            if store.has(cache, wheel, hold):
                placeholders += store.install(cache, wheel, site_packages(folder), python_of(folder))
                installed = True
        if not installed:
            left.append(wheel)
    return seconds, placeholders, left


@contextlib.contextmanager
def _optional(what: str, log: Path) -> Iterator[None]:
    """Log what goes wrong in the block: uv can do the same."""
    try:
        yield
    except failures.CellError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, uv installs the wheel or says why not
        with contextlib.suppress(OSError), log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{what} failed, so it is left to uv: {error!r}\n")


def _install_by_uv(
    folder: Path, lock: Lock, wheels: Sequence[LockedWheel], *, cache: Path, log: Path, timeout: float
) -> float:
    """Let uv install some wheels of a lock. Returns the seconds that downloading and unpacking took of it.

    Requirement lines with hashes, not the lock itself: uv then keeps what it downloaded from indexes whose
    files carry no cache headers, and a second install costs nothing.
    """
    listed = lock.path.with_name("requirements.txt")
    listed.write_text(hashed_requirements(wheels), encoding="utf-8")
    command: list[str | Path] = [
        *(uv_bin(), "pip", "install", "--python", python_of(folder), "--requirements", listed),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-progress", "--color", "never"),
        *("--link-mode", _LINK_MODE, "--cache-dir", cache),
        *(("--index", lock.source.index) if lock.source.index else ()),
    ]
    env = settings.uv_environment()
    done = processes.run(command, log=log, env=env, timeout=timeout)
    if not done.ok and _error(done, timeout).reason.kind == "no wheel":
        # What was locked is there: the page is an older one, as an index of many servers can have for a while.
        done = processes.run([*command, "--refresh"], log=log, env=env, timeout=timeout)
    if not done.ok:
        raise _error(done, timeout)
    return prepared_seconds(done.output)


def prepared_seconds(output: str) -> float:
    """The seconds that uv says it took to download and unpack; 0 where everything was in the cache."""
    said = re.search(r"^Prepared \d+ packages? in (?:(\d+)m\b ?)?(?:(\d+(?:\.\d+)?)(ms|s))?", output, re.MULTILINE)
    if said is None:
        return 0.0
    minutes, number, unit = said.groups()
    return round(int(minutes or 0) * 60 + float(number or 0) * (0.001 if unit == "ms" else 1), 3)


def _error(done: processes.Finished, timeout: float) -> failures.CellError:
    if done.timed_out:
        return failures.CellError("install", "timed out", f"installing took longer than {timeout:g} s")
    return failures.of_installing(done.output)


def files(folder: Path) -> dict[str, os.stat_result]:
    """Return all regular files in an environment's folder of packages, by their paths in it."""
    found: dict[str, os.stat_result] = {}
    packages = str(site_packages(folder))
    waiting, start = [packages], len(packages) + 1
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    # On Windows only a full `stat` knows of links.
                    status = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
                    found[entry.path[start:].replace(os.sep, "/")] = status
    return found


def recorded(folder: Path) -> dict[str, dict[str, str]]:
    """Return the files of each installed package and their hashes, by normalised name, from the ``RECORD`` files."""
    records = site_packages(folder).glob("*.dist-info/RECORD")
    return {canonicalize_name(record.parent.name.split("-", 1)[0]): _recorded(record) for record in records}


def sizes(folder: Path, records: Mapping[str, Iterable[str]], found: Mapping[str, os.stat_result]) -> dict[str, int]:
    """Return the bytes that each package takes, from its record and the files that were found.

    The sizes in records don't do: torch 1.9.1's come to twice what it has.
    """
    packages = site_packages(folder)
    return {
        name: sum(machine.on_disk(found[file]) if file in found else _on_disk(packages, file) for file in recorded)
        for name, recorded in records.items()
    }


def _recorded(record: Path) -> dict[str, str]:
    """Return the files of a ``RECORD`` and their hashes, empty where it has none; none where it can't be read."""
    try:
        with record.open(encoding="utf-8", errors="replace", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row and "\0" not in row[0]]
    except (OSError, csv.Error):
        return {}
    return {row[0].replace("\\", "/"): row[1] if len(row) > 1 else "" for row in rows}


def _on_disk(packages: Path, file: str) -> int:
    """Bytes that a file outside of the folder of packages takes."""
    try:
        return machine.on_disk(os.lstat(packages / file)) if file.startswith("../") else 0
    except OSError:
        return 0


def site_packages(folder: Path) -> Path:
    """Where an environment's packages lie."""
    if sys.platform == "win32":
        return folder / "Lib" / "site-packages"
    return next(folder.glob("lib/python*/site-packages"), folder)


#: How the names of environments begin that are done with. If this run is killed before it can, the next removes them.
_RETIRED: Final = ".removing-"


def retire(folder: Path) -> Path:
    """Give an environment that is done with another name. Returns where it is now."""
    _owner_file(folder).unlink(missing_ok=True)
    return folder.rename(folder.with_name(f"{_RETIRED}{folder.name}-{uuid.uuid4().hex[:8]}"))


def claim(folder: Path, owner: str) -> None:
    """Note whose an environment is: a process, or `KEPT`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _owner_file(folder).write_text(owner, encoding="utf-8")


def owner(folder: Path) -> str:
    """Return whose an environment is; an empty text where nobody knows."""
    try:
        return _owner_file(folder).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _owner_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.owner")


def remove(folder: Path) -> None:
    """Remove an environment, also one with read-only files."""

    def make_writable(function: Callable[..., object], path: str, _error: object) -> None:
        if not os.path.exists(path):  # noqa: PTH110
            return
        os.chmod(path, stat.S_IWRITE)  # noqa: PTH101
        function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=make_writable)
    _owner_file(folder).unlink(missing_ok=True)
