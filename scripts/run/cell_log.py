"""The log of one cell. Writing to it never raises: a full disk must not cost a result."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path

from scripts.core import paths


class CellLog:
    """Log file of one cell. ``path`` is its present path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """Path of the log in records, relative to the project."""
        return self.path.relative_to(paths.ROOT).as_posix()

    def start(self) -> None:
        """Remove an old log at this path."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)

    def write(self, text: str) -> None:
        """Append a line."""
        with contextlib.suppress(OSError), self.path.open("ab") as file:
            file.write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def traceback(self, title: str, error: BaseException) -> None:
        """Append an exception with its traceback, under a title."""
        self.write("".join([f"{title}:\n", *traceback.format_exception(error)]).rstrip("\n"))

    def move(self, path: Path) -> None:
        """Move the log, replacing an existing file; if that fails, keep the present path."""
        with contextlib.suppress(OSError):
            self.path.replace(path)
            self.path = path

    def remove(self) -> None:
        """Delete the log."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
