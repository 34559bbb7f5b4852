"""Everything in a wheel that takes a real installer, or could write outside an environment. Pure.

The engine unpacks only what is ordinary. Whatever is odd is left to uv, which knows the rules and refuses what breaks
them.
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

#: Names of scripts and of what they call, as the specification of entry points recommends them.
_SCRIPT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

#: Programs of the environment itself, which no script may replace.
_RESERVED: Final = re.compile(r"python.*|activate.*|deactivate.*|pydoc.*", re.IGNORECASE)

#: Bytes of a name that every file system takes.
_LONGEST: Final = 255

_REQUIRED: Final = ("METADATA", "WHEEL", "RECORD")


class OddError(ValueError):
    """A wheel has something that is left to uv; the message says what."""


def path_of(name: str) -> PurePosixPath:
    """Return the path of a member of a wheel, relative to the folder of packages. Raises `OddError`."""
    path = PurePosixPath(name)
    if not path.parts or not name.isprintable():
        raise OddError(f"a file without a proper name: {name!r}")
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise OddError(f"a file outside of itself: {name!r}")
    if path.as_posix() != name:
        raise OddError(f"a file whose path is not normalised: {name!r}")
    if any(len(part.encode()) > _LONGEST for part in path.parts):
        raise OddError(f"a file with a name of more than {_LONGEST} bytes")
    if path.parts[0].endswith(".data"):
        raise OddError("files for other folders than that of packages")
    return path


def check_mode(name: str, mode: int) -> None:
    """Refuse a member that is no ordinary file: a link, a device, a pipe. Raises `OddError`."""
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise OddError(f"something that is not a file: {name!r}")


def check_paths(paths: Sequence[PurePosixPath]) -> None:
    """Refuse two members in one place, or one where another needs a folder. Raises `OddError`."""
    files = set(paths)
    if len(files) < len(paths):
        raise OddError("two files of one name")
    for parent in {parent for path in paths for parent in path.parents} & files:
        raise OddError(f"a file and a folder of one name: {parent.as_posix()!r}")


def info_folder(paths: Iterable[PurePosixPath], name: str) -> str:
    """Return the name of the one ``.dist-info`` folder of a project's wheel. Raises `OddError`."""
    found = [path for path in paths if path.parts[0].endswith(".dist-info")]
    folders = {path.parts[0] for path in found}
    if len(folders) != 1:
        raise OddError(f"{len(folders)} folders of metadata")
    (folder,) = folders
    missing = [required for required in _REQUIRED if PurePosixPath(folder, required) not in found]
    if missing:
        raise OddError(f"no {missing[0]}")
    if canonicalize_name(folder.partition("-")[0]) != canonicalize_name(name):
        raise OddError(f"the metadata of another project: {folder!r}")
    return folder


def check_record(content: bytes) -> None:
    """Refuse a ``RECORD`` that can't be read, or that names files elsewhere. Raises `OddError`."""
    for row in _rows(content):
        path = PurePosixPath(row[0])
        if path.is_absolute() or ".." in path.parts or "\\" in row[0]:
            raise OddError(f"a RECORD that names a file elsewhere: {row[0]!r}")


def _rows(content: bytes) -> list[list[str]]:
    try:
        rows = list(csv.reader(content.decode().splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise OddError(f"a RECORD that can't be read: {error}") from error
    return [row for row in rows if row]


def scripts(content: bytes) -> list[Script]:
    """Return the scripts of an ``entry_points.txt``. Raises `OddError`."""
    try:
        found = [Script(*entry) for entry in parse_entrypoints(content.decode())]
    except (UnicodeDecodeError, configparser.Error, AssertionError, ValueError) as error:
        raise OddError(f"entry points that can't be read: {error!r}") from error
    for script in found:
        if not _SCRIPT.fullmatch(script.name) or _RESERVED.fullmatch(script.name) or len(script.name) > _LONGEST:
            raise OddError(f"a script named {script.name!r}")
        if not (_MODULE.fullmatch(script.module) and _MODULE.fullmatch(script.attr)):
            raise OddError(f"a script that calls {script.module!r}:{script.attr!r}")
    return found
