"""A remote wheel unpacked while it comes: hashed as a whole, and written file by file, but for what is held back.

What is held back is hashed like the rest and neither unpacked nor written, which is what takes the time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from isal import igzip_lib

from scripts.index.errors import WebError
from scripts.index.http import Download, Web
from scripts.index.remote_wheels import entries
from scripts.index.wheel_files import WheelFile
from scripts.run.unpack import direct_io, oddities

#: Bytes that are unpacked at once: they stay in the processor's cache until they are written.
_PIECE: Final = 1 << 19

#: Bytes of a file from which on it isn't kept in memory.
_BIG: Final = 2 * direct_io.BLOCK

#: A file's header in the archive ends with the lengths of its name and of what else stands there (APPNOTE, 4.3.7).
_HEADER: Final = struct.Struct("<26xHH")


#: Asked with a file's path and size in bytes whether to leave it in its wheel.
Holds = Callable[[str, int], bool]


class UnfitError(WebError):
    """A wheel that wants more than having its files put in a folder: that takes an installer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packed:
    """A file in a wheel: its path there, its size in bytes once unpacked, and its mode then."""

    path: str
    size: int
    mode: int


def unpack(web: Web, wheel: WheelFile, folder: Path, hold: Holds) -> list[Packed]:
    """Unpack a wheel into a new folder. Returns the files that ``hold``, asked with path and size, held back.

    Raises:
        UnfitError: it can't be done here; nothing was fetched but the table of contents.
        WebError: the download broke off for good, or the wheel is another than its hash says.
        OSError: it can't be written.
    """
    files = _files(wheel, entries(web, wheel))
    held = {file for _, file in files if hold(file.path, file.size)}
    _make_folders(folder, (file.path for _, file in files))
    with web.download(wheel.url) as download:
        stream = _Hashed(wheel, download)
        for entry, file in files:
            if entry.header_offset < stream.taken:
                raise WebError(f"{wheel.filename}: files overlap")
            stream.skip(entry.header_offset - stream.taken)
            stream.skip(sum(_HEADER.unpack(stream.read(_HEADER.size))))
            if file not in held:
                _write(stream, entry, folder / file.path, file.mode)
        stream.finish()
    return sorted(held, key=lambda file: file.path)


def _file(entry: zipfile.ZipInfo) -> Packed:
    """Return what becomes of an entry of the archive. Raises `OddError`."""
    path = oddities.path_of(entry.filename)
    mode = entry.external_attr >> 16
    oddities.check_mode(entry.filename, mode)
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} or entry.flag_bits & 1:
        raise oddities.OddError("files that are packed in an unusual way")
    return Packed(path=path.as_posix(), size=entry.file_size, mode=0o777 if mode & 0o111 else 0o666)


def _files(wheel: WheelFile, found: Iterable[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, Packed]]:
    """Return the files of an archive in their order. Raises `UnfitError`."""
    entries = sorted(found, key=lambda entry: entry.header_offset)
    try:
        files = [(entry, _file(entry)) for entry in entries if not entry.is_dir()]
        oddities.check_paths([PurePosixPath(file.path) for _, file in files])
    except oddities.OddError as error:
        raise UnfitError(f"{wheel.filename} has {error}") from error
    return files


def _make_folders(folder: Path, paths: Iterable[str]) -> None:
    for parent in {os.path.dirname(path) for path in paths}:  # noqa: PTH120 - there are 20,000
        (folder / parent).mkdir(parents=True, exist_ok=True)


class _Hashed:
    """The bytes of a download in their order, all of them hashed."""

    def __init__(self, wheel: WheelFile, download: Download) -> None:
        self._wheel, self._download = wheel, download
        self._digest = hashlib.sha256()
        self._rest = memoryview(b"")
        self.taken = 0

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes, in pieces as they came."""
        while size:
            if not self._rest and not self._more():
                raise WebError(f"{self._wheel.filename} ends too early")
            piece, self._rest = self._rest[:size], self._rest[size:]
            self.taken += len(piece)
            size -= len(piece)
            yield piece

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes at once."""
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> None:
        """Leave out the next ``size`` bytes."""
        for _ in self.pieces(size):
            pass

    def finish(self) -> None:
        """Take what is left, and check the whole. Raises `WebError`."""
        while self._more():
            pass
        found = self._digest.hexdigest()
        if found != self._wheel.sha256:
            raise WebError(f"{self._wheel.filename}: its sha256 is {found}, and the index says {self._wheel.sha256}")

    def _more(self) -> bool:
        piece = self._download.read()
        self._digest.update(piece)
        self._rest = memoryview(piece)
        return bool(piece)


def _write(stream: _Hashed, entry: zipfile.ZipInfo, path: Path, mode: int) -> None:
    """Write one file, whose content comes next. Raises `WebError`."""
    packed = stream.pieces(entry.compress_size)
    content: Iterable[bytes | memoryview] = packed if entry.compress_type == zipfile.ZIP_STORED else _inflated(packed)
    written = direct_io.write(path, content, mode) if entry.file_size >= _BIG else _write_small(path, content, mode)
    if written != entry.file_size:
        raise WebError(f"{path.name} has {written} bytes, and {entry.file_size} are told")


def _write_small(path: Path, content: Iterable[bytes | memoryview], mode: int) -> int:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - of a mode
        return sum(map(file.write, content))


def _inflated(packed: Iterator[memoryview]) -> Iterator[bytes]:
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    for piece in packed:
        data = inflater.decompress(piece, _PIECE)
        while data:
            yield data
            data = b"" if inflater.needs_input or inflater.eof else inflater.decompress(b"", _PIECE)
