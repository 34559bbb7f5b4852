"""Packages of an environment: files, hashes, versions, size on disk, and the bytecode saved for them."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.config.cell import Cell
from scripts.core import machine, paths
from scripts.run import environments, integrity
from scripts.run.cell_log import CellLog
from scripts.run.disk_budget import DiskBudget
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack.fast_path import Bytecode


class Packages:
    """Packages of one cell's environment.

    ``python`` is the interpreter it was created from, which no test modified; ``scratch`` a folder for temporary files.
    """

    def __init__(
        self, cell: Cell, lock: Lock, disk_budget: DiskBudget, python: Path, log: CellLog, *, scratch: Path
    ) -> None:
        self._cell, self._lock, self._disk_budget, self._python, self._log = cell, lock, disk_budget, python, log
        self._scratch = scratch / cell.id
        self._records: dict[str, dict[str, str]] = {}
        self._files: dict[str, os.stat_result] = {}

    def read_records(self, environment: Path) -> None:
        """Read which files are installed."""
        self._records = recorded(environment)

    def restore_bytecode(self, environment: Path) -> None:
        """Link saved bytecode into the environment; for new wheels, compile what cells imported of other versions."""
        bytecode = self._bytecode(environment)
        self._note_bytecode(bytecode.prepare(self._python, scratch=self._scratch, log=self._log.path))
        bytecode.restore()

    def save_bytecode(self, environment: Path) -> None:
        """Save bytecode for the modules that the tests imported."""
        bytecode = self._bytecode(environment)
        self._note_bytecode(bytecode.save(self._python, scratch=self._scratch, log=self._log.path))

    def contents(self, environment: Path) -> integrity.Contents:
        """Return the state of the environment's shared files."""
        self._files = files(environment)
        return integrity.contents(environments.site_packages(environment), self._records, self._files)

    def note_sizes(self, environment: Path) -> None:
        """Enter the packages' sizes on disk into the disk budget. Call `contents` first."""
        self._disk_budget.installed(self._cell.id, self._lock, sizes(environment, self._records, self._files))

    def _bytecode(self, environment: Path) -> Bytecode:
        packages = environments.site_packages(environment)
        return Bytecode(paths.CACHE, packages, self._lock.wheels, self._records, version=self._cell.python)

    def _note_bytecode(self, sizes: dict[str, int]) -> None:
        self._disk_budget.compiled(self._lock, sizes)


def files(environment: Path) -> dict[str, os.stat_result]:
    """Return all regular files in an environment's site-packages, by their paths in it."""
    found: dict[str, os.stat_result] = {}
    packages = str(environments.site_packages(environment))
    folders, start = [packages], len(packages) + 1
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    # On Windows only a full `stat` has the number of links.
                    status = os.lstat(entry.path) if sys.platform == "win32" else entry.stat(follow_symlinks=False)
                    found[entry.path[start:].replace(os.sep, "/")] = status
    return found


def recorded(environment: Path) -> dict[str, dict[str, str]]:
    """Return the files of each installed package and their hashes, by normalised name, from the ``RECORD`` files."""
    records = environments.site_packages(environment).glob("*.dist-info/RECORD")
    return {canonicalize_name(record.parent.name.split("-", 1)[0]): _read_record(record) for record in records}


def _read_record(record: Path) -> dict[str, str]:
    """Return the files of a ``RECORD`` and their hashes, "" for a file without; nothing where it is unreadable."""
    try:
        with record.open(encoding="utf-8", errors="replace", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row and "\0" not in row[0]]
    except (OSError, csv.Error):
        return {}
    return {row[0].replace("\\", "/"): row[1] if len(row) > 1 else "" for row in rows}


def sizes(
    environment: Path, records: Mapping[str, Iterable[str]], found: Mapping[str, os.stat_result]
) -> dict[str, int]:
    """Return the bytes on disk of each package, from its record and the files that were found.

    The sizes in the records are no help: those of torch 1.9.1 add up to twice its size.
    """
    packages = environments.site_packages(environment)
    return {
        name: sum(machine.on_disk(found[file]) if file in found else _on_disk(packages, file) for file in recorded)
        for name, recorded in records.items()
    }


def _on_disk(packages: Path, file: str) -> int:
    """Return the bytes on disk of a file outside of site-packages."""
    try:
        return machine.on_disk(os.lstat(packages / file)) if file.startswith("../") else 0
    except OSError:
        return 0


def check_installed(environment: Path, wheels: Iterable[LockedWheel]) -> None:
    """Raise `CellError` where a locked package is missing from an environment, or installed in another version."""
    versions = dict(_installed_versions(environments.site_packages(environment)))
    problems = []
    for wheel in wheels:
        version = versions.get(canonicalize_name(wheel.name))
        if version is None:
            problems.append(f"{wheel.name} {wheel.version} is missing")
        elif _public(version) != _public(wheel.version):
            problems.append(f"{wheel.name} is {version}, not {wheel.version}")
    if problems:
        raise CellError("install", "not installed", "; ".join(problems))


def _installed_versions(packages: Path) -> Iterable[tuple[str, str]]:
    """Yield names and versions of packages, from their metadata."""
    for distribution in importlib.metadata.distributions(path=[str(packages)]):
        metadata = distribution.metadata
        if "Name" in metadata and "Version" in metadata:
            yield canonicalize_name(metadata["Name"]), metadata["Version"]


def _public(version: str) -> Version | str:
    """Return a version without its local label, which the metadata of the default index's torch lack."""
    try:
        return Version(Version(version).public)
    except InvalidVersion:
        return version
