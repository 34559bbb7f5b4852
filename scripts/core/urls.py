"""Convert paths to and from ``file:`` URLs, and take file names and printable forms of URLs. Pure."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit, urlunsplit

_WINDOWS = sys.platform == "win32"


def is_file(url: str) -> bool:
    """Return whether a URL names a file or folder of this machine."""
    return url[:5].lower() == "file:"


def of_path(path: PurePath) -> str:
    """Return the ``file:`` URL of an absolute path. Raise `ValueError` for a relative path."""
    return path.as_uri()


def to_path(url: str) -> Path:
    """Return the path of a ``file:`` URL. Raise `ValueError` if it has none on this machine."""
    return Path(to_pure_path(url, windows=_WINDOWS))


def to_pure_path(url: str, *, windows: bool) -> PurePath:
    """Return the path of a ``file:`` URL on Windows or on POSIX systems.

    Raises:
        ValueError: not a ``file:`` URL, not absolute, on another host, or with a null character.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise ValueError(f"not a file: URL: {url!r}")
    host = "" if parts.netloc.lower() == "localhost" else parts.netloc
    text = os.fsdecode(unquote_to_bytes(parts.path))
    if "\0" in text:
        raise ValueError(f"null character in {url!r}")
    path = _windows_path(host, text) if windows else PurePosixPath(text)
    if not path.is_absolute() or (host and not windows):
        raise ValueError(f"not the path of a file on this machine: {url!r}; write file:// and an absolute path")
    return path


def _windows_path(host: str, text: str) -> PureWindowsPath:
    """Return a path on a drive, or on the server ``host``."""
    drive = re.match(r"/+([A-Za-z])[:|](?=/|$)", text)
    if drive:
        return PureWindowsPath(f"{drive[1]}:{text[drive.end() :] or '/'}")
    return PureWindowsPath(f"//{host}{text}" if host else text)


def filename(url: str) -> str:
    """Return the last part of a URL's path, unquoted: the ``+`` of a local label is often ``%2B``."""
    return unquote(posixpath.basename(urlsplit(url).path))


def shown(url: str) -> str:
    """Return a URL without user name and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
