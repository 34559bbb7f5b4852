"""The log of one cell. Writing to it never raises: a full disk must not cost a result."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path

from scripts.core import paths


class CellLog:
    """A text file that everything about a cell is appended to. ``path`` is where it is now."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The log as records name it."""
        return self.path.relative_to(paths.ROOT).as_posix()

    def start(self) -> None:
        """Begin an empty log."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)

    def write(self, text: str) -> None:
        """Append a line."""
        with contextlib.suppress(OSError), self.path.open("ab") as file:
            file.write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def traceback(self, what: str, error: BaseException) -> None:
        """Append what went wrong, with the traceback."""
        self.write("".join([f"{what}:\n", *traceback.format_exception(error)]).rstrip("\n"))

    def move(self, path: Path) -> None:
        """Give the log another place, replacing what is there; where that fails it stays where it is."""
        with contextlib.suppress(OSError):
            self.path.replace(path)
            self.path = path

    def remove(self) -> None:
        """Delete the log."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
