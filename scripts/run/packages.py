"""The packages of one cell's environment: what is installed, the bytecode kept for it, and the disk it takes."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.config.cells import Cell
from scripts.core import paths
from scripts.run import environments, integrity
from scripts.run.cell_log import CellLog
from scripts.run.disk_budget import DiskBudget
from scripts.run.locks import Lock
from scripts.run.unpack.bytecode import Bytecode


class Packages:
    """See the module. ``python`` is the interpreter that the environment was made from, which no test has touched."""

    def __init__(self, cell: Cell, lock: Lock, disk_budget: DiskBudget, python: Path, log: CellLog) -> None:
        self._cell, self._lock, self._disk_budget, self._python, self._log = cell, lock, disk_budget, python, log
        self._records: dict[str, dict[str, str]] = {}
        self._files: dict[str, os.stat_result] = {}

    def read(self, environment: Path) -> None:
        """Read what is installed."""
        self._records = environments.recorded(environment)

    def restore_bytecode(self, environment: Path) -> None:
        """Put kept bytecode into the environment; for new wheels, of what other versions of them had imported."""
        bytecode = self._bytecode(environment)
        self._count(bytecode.prepare(self._python, scratch=paths.LOCKS / self._cell.id, log=self._log.path))
        bytecode.restore()

    def save_bytecode(self, environment: Path) -> None:
        """Keep bytecode for what the tests imported."""
        bytecode = self._bytecode(environment)
        self._count(bytecode.save(self._python, scratch=paths.LOCKS / self._cell.id, log=self._log.path))

    def look(self, environment: Path) -> integrity.Contents:
        """Return what is to be noted of the environment's files."""
        self._files = environments.files(environment)
        return integrity.note(environments.site_packages(environment), self._records, self._files)

    def count(self, environment: Path) -> None:
        """Note the disk that the packages take."""
        sizes = environments.sizes(environment, self._records, self._files)
        self._disk_budget.installed(self._cell.id, self._lock, sizes)

    def _bytecode(self, environment: Path) -> Bytecode:
        packages = environments.site_packages(environment)
        return Bytecode(paths.CACHE, packages, self._lock.wheels, self._records, version=self._cell.python)

    def _count(self, sizes: dict[str, int]) -> None:
        self._disk_budget.compiled(self._lock, sizes)
