"""The fast path for big wheels: everything that only saves time when cells are installed, behind one interface.

Big wheels are unpacked by the engine instead of uv, with placeholders for the files that `matrix.toml` lists under
``[[held]]``, and linked into environments; compiled bytecode is reused from cell to cell. Code outside this package
imports no other module of it. Without it, uv installs everything and the records are the same: the stub
``tests/support/no_fast_path.py`` can replace the whole package.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.run import failures
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack import bytecode, store
from scripts.run.unpack.bytecode import Bytecode
from scripts.run.unpack.fetcher import Fetcher
from scripts.run.unpack.placeholders import NO_PLACEHOLDERS, OpenedError, PlaceholderRules, can_watch, watched
from scripts.run.unpack.store import BIG, is_incomplete, leave_to_uv, temporary_folders

__all__ = [
    "BIG",
    "NO_PLACEHOLDERS",
    "Bytecode",
    "Fetcher",
    "Installed",
    "OpenedError",
    "PlaceholderRules",
    "can_watch",
    "evict",
    "install",
    "is_incomplete",
    "leave_to_uv",
    "temporary_folders",
    "watched",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installed:
    """Result of an installation: seconds of downloading and unpacking, placeholders, and wheels still to install."""

    seconds: float = 0.0
    placeholders: tuple[Path, ...] = ()
    remaining: tuple[LockedWheel, ...] = ()


def install(
    lock: Lock,
    rules: PlaceholderRules,
    *,
    packages: Path,
    python: Path,
    cache: Path,
    fetcher: Fetcher,
    log: Path,
    timeout: float,
) -> Installed:
    """Fetch the big wheels of a lock and link them into an environment. Failures are logged and left to uv.

    Args:
        lock: the wheels to install.
        rules: files that get a placeholder.
        packages: the environment's site-packages.
        python: the environment's interpreter.
        cache: the folder of uv's cache.
        fetcher: fetches the wheels that the store lacks.
        log: the cell's log.
        timeout: seconds for each wheel.

    Raises:
        CellError: the downloads timed out.
    """
    placeholders: list[Path] = []
    remaining: list[LockedWheel] = []
    seconds = 0.0
    with _optional("unpacking big wheels", log):
        seconds = fetcher.fetch(lock, rules, log=log, timeout=timeout)
    for wheel in lock.wheels:
        linked = False
        with _optional(f"linking {wheel.name}", log):
            if store.has(cache, wheel, rules):
                placeholders += store.install(cache, wheel, packages, python)
                linked = True
        if not linked:
            remaining.append(wheel)
    return Installed(seconds=seconds, placeholders=tuple(placeholders), remaining=tuple(remaining))


def evict(cache: Path, names: Sequence[str]) -> None:
    """Remove packages, in all versions, from the store and from the saved bytecode."""
    store.evict(cache, names)
    bytecode.evict(cache, names)


@contextlib.contextmanager
def _optional(action: str, log: Path) -> Iterator[None]:
    """Log an exception of the block and continue: uv can do the same."""
    try:
        yield
    except failures.CellError:
        raise
    except Exception as error:  # noqa: BLE001 - uv installs the wheel, or reports why it cannot
        with contextlib.suppress(OSError), log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{action} failed, left to uv: {error!r}\n")
