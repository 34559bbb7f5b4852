"""The files that one cell's environment shares: noted before its tests, compared afterwards, evicted if modified."""

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
    """See the module. ``modified`` are the files that the tests modified, by the cell's last run."""

    def __init__(self, context: RunContext, cell: str, log: CellLog) -> None:
        self._context, self._cell, self._log = context, cell, log
        self._contents: integrity.Contents | None = None
        self._repaired = False
        self.modified: tuple[str, ...] = ()
        self.trusted = False  # noted, and nothing evicted since

    def forget(self) -> None:
        """Begin a new environment, of which nothing is noted yet."""
        self._contents, self.modified, self.trusted = None, (), False

    def note(self, contents: integrity.Contents, lock: Lock) -> bool:
        """Note the files; False, with their wheels evicted, if some are other than when they were first installed."""
        spoiled = integrity.compare_with_seals(paths.CACHE, contents, lock.wheels)
        self._contents = contents if spoiled else contents.unshared(self._context.private_packages)
        self.trusted = not spoiled
        if spoiled:
            self._log.write(f"installed anew, since the cache was modified: {', '.join(integrity.all_paths(spoiled))}")
            self._evict(lock, spoiled)
        return self.trusted

    @contextlib.contextmanager
    def compared(self, lock: Lock, placeholders: Collection[Path]) -> Iterator[None]:
        """Compare the files, whatever the block comes to.

        Raises:
            ModifiedError: another cell may have modified some, or torch can't be imported from files that are broken.
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
        found = integrity.all_paths(changed)
        self.modified = tuple(sorted({*found, *self._contents.own_modified()}))
        if changed:
            self._log.write(f"evicted, since files that cells share were modified: {', '.join(found)}")
            self._evict(lock, changed)
            self._context.private_packages |= changed.keys()
        if changed.keys() - alone:
            raise integrity.ModifiedError(f"shared files were modified: {', '.join(found)}")

    def _replace_broken(self, lock: Lock, placeholders: Collection[Path]) -> None:
        """Evict the wheels whose files are other than their RECORD says, once."""
        broken = {} if self._repaired or self._contents is None else self._contents.broken(placeholders)
        if broken:
            self._repaired = True
            self._evict(lock, broken)
            files = ", ".join(integrity.all_paths(broken)[:5])
            raise integrity.ModifiedError(f"files are other than their wheel says: {files}")

    def _evict(self, lock: Lock, names: Collection[str]) -> None:
        """Evict some wheels; all of the cell's where a file belongs to none that is known."""
        self.trusted = False
        known = {wheel.name for wheel in lock.wheels}
        self._context.disk_budget.evict(known if set(names) - known else set(names))
