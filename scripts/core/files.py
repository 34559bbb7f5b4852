"""Atomic file writes, and sizes in human-readable units."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

from pydantic import ByteSize


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to a temporary file and rename it to ``path``, so that readers see the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder has the name of this file; remove it", str(path))
    # Not `tempfile`: it creates files with mode 0600, which renaming keeps.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def human_size(size: float) -> str:
    """Return a size in bytes for people, in decimal units like those of package indexes and disks: ``12.0GB``."""
    return ByteSize(int(size)).human_readable(decimal=True)
