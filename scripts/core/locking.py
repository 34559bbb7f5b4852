"""File locks between processes, which an interruption of the run does not wait for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import filelock

from scripts.core.children import check_stopping

#: Seconds between two checks for an interruption of the run.
_POLL: Final = 0.2


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file within the block.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the lock file cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    while True:
        check_stopping()
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=_POLL)
            break
    try:
        yield
    finally:
        lock.release()
