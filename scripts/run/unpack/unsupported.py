"""Checks for everything in a wheel that needs a real installer or could write outside an environment. Pure.

The engine unpacks ordinary wheels only. The rest is left to uv, which implements the whole specification and refuses
what violates it.
"""

from __future__ import annotations

import configparser
import csv
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from installer.scripts import Script
from installer.utils import parse_entrypoints
from packaging.utils import canonicalize_name

#: Names of scripts and of the objects they call, as the specification of entry points recommends them.
_SCRIPT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

#: Programs of the environment itself, which no script may replace.
_RESERVED: Final = re.compile(r"python.*|activate.*|deactivate.*|pydoc.*", re.IGNORECASE)

#: Bytes of the longest file name that every file system supports.
_MAX_NAME: Final = 255

_REQUIRED: Final = ("METADATA", "WHEEL", "RECORD")


class UnsupportedWheelError(ValueError):
    """A wheel has something that is left to uv."""


def check_path(name: str) -> PurePosixPath:
    """Return the path of a member of a wheel, relative to site-packages. Raises `UnsupportedWheelError`."""
    path = PurePosixPath(name)
    if not path.parts or not name.isprintable():
        raise UnsupportedWheelError(f"invalid file name: {name!r}")
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise UnsupportedWheelError(f"path outside of the wheel: {name!r}")
    if path.as_posix() != name:
        raise UnsupportedWheelError(f"path is not normalised: {name!r}")
    if any(len(part.encode()) > _MAX_NAME for part in path.parts):
        raise UnsupportedWheelError(f"file name longer than {_MAX_NAME} bytes")
    if path.parts[0].endswith(".data"):
        raise UnsupportedWheelError("files to install outside of site-packages (.data)")
    return path


def check_mode(name: str, mode: int) -> None:
    """Raise `UnsupportedWheelError` where a member is not a regular file: a link, a device, a pipe."""
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise UnsupportedWheelError(f"not a regular file: {name!r}")


def check_conflicts(paths: Sequence[PurePosixPath]) -> None:
    """Raise `UnsupportedWheelError` where two members have one path, or one path is both a file and a folder."""
    files = set(paths)
    if len(files) < len(paths):
        raise UnsupportedWheelError("two files with the same path")
    for parent in {parent for path in paths for parent in path.parents} & files:
        raise UnsupportedWheelError(f"both a file and a folder: {parent.as_posix()!r}")


def check_metadata(paths: Iterable[PurePosixPath], name: str) -> str:
    """Return the name of the only ``.dist-info`` folder of a project's wheel. Raises `UnsupportedWheelError`."""
    metadata = [path for path in paths if path.parts[0].endswith(".dist-info")]
    folders = {path.parts[0] for path in metadata}
    if len(folders) != 1:
        raise UnsupportedWheelError(f"{len(folders)} .dist-info folders, expected 1")
    (folder,) = folders
    missing = [required for required in _REQUIRED if PurePosixPath(folder, required) not in metadata]
    if missing:
        raise UnsupportedWheelError(f"no {missing[0]}")
    if canonicalize_name(folder.partition("-")[0]) != canonicalize_name(name):
        raise UnsupportedWheelError(f"metadata of another project: {folder!r}")
    return folder


def check_record(content: bytes) -> None:
    """Raise `UnsupportedWheelError` where a ``RECORD`` is unreadable or lists files outside of site-packages."""
    for row in _rows(content):
        path = PurePosixPath(row[0])
        if path.is_absolute() or ".." in path.parts or "\\" in row[0]:
            raise UnsupportedWheelError(f"RECORD lists a file outside of the wheel: {row[0]!r}")


def _rows(content: bytes) -> list[list[str]]:
    try:
        rows = list(csv.reader(content.decode().splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnsupportedWheelError(f"unreadable RECORD: {error}") from error
    return [row for row in rows if row]


def scripts(content: bytes) -> list[Script]:
    """Return the scripts of an ``entry_points.txt``. Raises `UnsupportedWheelError`."""
    try:
        found = [Script(*entry) for entry in parse_entrypoints(content.decode())]
    except (UnicodeDecodeError, configparser.Error, AssertionError, ValueError) as error:
        raise UnsupportedWheelError(f"unreadable entry points: {error!r}") from error
    for script in found:
        if not _SCRIPT.fullmatch(script.name) or _RESERVED.fullmatch(script.name) or len(script.name) > _MAX_NAME:
            raise UnsupportedWheelError(f"unsupported script name: {script.name!r}")
        if not (_MODULE.fullmatch(script.module) and _MODULE.fullmatch(script.attr)):
            raise UnsupportedWheelError(f"unsupported script target: {script.module!r}:{script.attr!r}")
    return found
