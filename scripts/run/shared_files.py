"""Verification of the files that a cell's environment shares; wheels whose files were modified are evicted."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from scripts.core import paths
from scripts.run import integrity
from scripts.run.cell_log import CellLog
from scripts.run.context import RunContext
from scripts.run.failures import CellError
from scripts.run.locks import Lock


class SharedFiles:
    """Shared files of one cell's environment. ``modified`` are the files that the tests of the last run modified."""

    def __init__(self, context: RunContext, cell: str, log: CellLog) -> None:
        self._context, self._cell, self._log = context, cell, log
        self._contents: integrity.Contents | None = None
        self._replaced_broken = False
        self.modified: tuple[str, ...] = ()
        self.trusted = False  # noted, and nothing evicted since

    def forget(self) -> None:
        """Start with a new environment, of which nothing is noted yet."""
        self._contents, self.modified, self.trusted = None, (), False

    def note(self, contents: integrity.Contents, lock: Lock) -> bool:
        """Note the files before the tests; False, after evicting wheels, if files were modified since they were sealed.

        The wheels that a test of this run modified are copied into the environment instead of shared.
        """
        modified = integrity.compare_with_seals(paths.CACHE, contents, lock.wheels)
        self._contents = contents if modified else contents.unshared(self._context.private_packages)
        self.trusted = not modified
        if modified:
            files = ", ".join(integrity.all_paths(modified))
            self._log.write(f"installing again, files in the cache were modified: {files}")
            self._evict(lock, modified)
        return self.trusted

    @contextlib.contextmanager
    def compared(self, lock: Lock, placeholders: Collection[Path]) -> Iterator[None]:
        """Compare the files after the block, even if it raises an exception.

        Raises:
            ModifiedError: files that another cell may have modified, or a failed import of torch from broken files.
        """
        try:
            yield
        except Exception as error:
            self._compare(lock)
            if isinstance(error, CellError) and error.reason.stage == "import" and error.status != "timed-out":
                self._replace_broken(lock, placeholders)
            raise
        self._compare(lock)

    def _compare(self, lock: Lock) -> None:
        if self._contents is None:
            return
        alone = self._context.sharing.alone(self._cell, lock.wheels)
        changed = self._contents.modified(alone=alone)
        files = integrity.all_paths(changed)
        self.modified = tuple(sorted({*files, *self._contents.own_modified()}))
        if changed:
            self._log.write(f"evicting wheels, shared files were modified: {', '.join(files)}")
            self._evict(lock, changed)
            self._context.private_packages |= changed.keys()
        if changed.keys() - alone:
            raise integrity.ModifiedError(f"shared files were modified: {', '.join(files)}")

    def _replace_broken(self, lock: Lock, placeholders: Collection[Path]) -> None:
        """Evict the wheels whose files do not match their RECORD, once."""
        broken = {} if self._replaced_broken or self._contents is None else self._contents.broken(placeholders)
        if broken:
            self._replaced_broken = True
            self._evict(lock, broken)
            files = ", ".join(integrity.all_paths(broken)[:5])
            raise integrity.ModifiedError(f"files do not match their wheel's RECORD: {files}")

    def _evict(self, lock: Lock, names: Collection[str]) -> None:
        """Evict some wheels; all of the cell's if a file belongs to none of them."""
        self.trusted = False
        locked = {wheel.name for wheel in lock.wheels}
        self._context.disk_budget.evict(locked if set(names) - locked else set(names))
