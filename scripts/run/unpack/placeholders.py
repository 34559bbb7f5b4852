"""Watching that nobody opens a placeholder: the kernel tells of every file that is opened or run.

What the probes see is true only if they never looked into a file whose content was held back. Merely asking whether
it is there, or how big, gives the true answer.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

if sys.platform == "linux":
    from inotify_simple import INotify, flags  # type: ignore[import-untyped]


class OpenedError(Exception):
    """Placeholders were opened, or may have been: what was seen meanwhile doesn't count."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(f"opened: {', '.join(map(str, paths))}")
        self.paths = tuple(paths)


def watchable() -> bool:
    """Whether this machine can watch files: Linux can, unless too many watches are kept already."""
    if sys.platform != "linux":
        return False
    try:
        with INotify():
            return True
    except OSError:
        return False


@contextlib.contextmanager
def untouched(placeholders: Sequence[Path]) -> Iterator[None]:
    """Watch placeholders within the block.

    Raises:
        OpenedError: some were opened, whatever else the block came to; or it can't be known.
    """
    if not placeholders:
        yield
        return
    with contextlib.ExitStack() as watching:
        try:
            notify = watching.enter_context(INotify())
            names = {notify.add_watch(path, flags.OPEN): path for path in placeholders}
        except OSError:
            raise OpenedError(placeholders) from None
        try:
            yield
        except Exception:
            _check(notify, names)
            raise
        _check(notify, names)


def _check(notify: INotify, names: Mapping[int, Path]) -> None:
    """Raise `OpenedError` if a placeholder was opened, or the kernel lost count."""
    events = list(notify.read(timeout=0))
    if any(event.mask & flags.Q_OVERFLOW for event in events):
        raise OpenedError(list(names.values()))
    if events:
        raise OpenedError(sorted({names[event.wd] for event in events}))
