"""Placeholders: files of a wheel's size and without its content, for what no test opens, and the watch over them.

If a test opens a placeholder (detected with inotify), the run is discarded, the file is extracted and the tests run
again. Asking whether a placeholder exists or how big it is gives the true answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

if sys.platform == "linux":
    from inotify_simple import INotify, flags  # type: ignore[import-untyped]

#: Bytes below which a file is not worth a placeholder.
_MIN_SIZE: Final = 1 << 18


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaceholderRules:
    """Patterns of the files that get a placeholder, and files that tests opened, which get none. By default none do."""

    patterns: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()

    def __call__(self, path: str, size: int) -> bool:
        """Return whether a file of ``size`` bytes gets a placeholder."""
        matching = any(fnmatch.fnmatchcase(path, pattern) for pattern in self.patterns)
        return size >= _MIN_SIZE and matching and path not in self.needed

    def without(self, needed: Iterable[str]) -> PlaceholderRules:
        """Return rules under which these files get no placeholder either."""
        return dataclasses.replace(self, needed=self.needed.union(needed))


NO_PLACEHOLDERS: Final = PlaceholderRules()


class OpenedError(Exception):
    """Placeholders were opened, or may have been: the run has to be discarded."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(f"opened: {', '.join(map(str, paths))}")
        self.paths = tuple(paths)


def can_watch() -> bool:
    """Return whether files can be watched here: on Linux, unless the limit of inotify instances is reached."""
    if sys.platform != "linux":
        return False
    try:
        with INotify():
            return True
    except OSError:
        return False


@contextlib.contextmanager
def watched(placeholders: Sequence[Path]) -> Iterator[None]:
    """Watch placeholders within the block.

    Raises:
        OpenedError: a placeholder was opened, even where the block raised an exception; or they cannot be watched.
    """
    if not placeholders:
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            notify = stack.enter_context(INotify())
            watches = {notify.add_watch(path, flags.OPEN): path for path in placeholders}
        except OSError:
            raise OpenedError(placeholders) from None
        try:
            yield
        except Exception:
            _check(notify, watches)
            raise
        _check(notify, watches)


def _check(notify: INotify, watches: Mapping[int, Path]) -> None:
    """Raise `OpenedError` if a placeholder was opened, or if the kernel dropped events."""
    events = list(notify.read(timeout=0))
    if any(event.mask & flags.Q_OVERFLOW for event in events):
        raise OpenedError(list(watches.values()))
    if events:
        raise OpenedError(sorted({watches[event.wd] for event in events}))
