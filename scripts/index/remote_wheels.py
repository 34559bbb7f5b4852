"""Files inside remote wheels, read with range requests or from a whole download, and cached.

The cache is ``.matrix/wheels/<sha256 of the wheel>/``: the table of contents, and each file that was read. Wheels never
change, so the cache never expires.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import TypeAdapter
from remotezip import PartialBuffer, RemoteZip, RemoteZipError  # type: ignore[import-untyped]

from scripts.core import paths
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile

_log = logging.getLogger(__name__)

#: Bytes at the end of a wheel that locate its table of contents; the table itself has about 1 MB.
_END: Final = 4096


class NotCachedError(WebError):
    """A wheel has no URL, and the requested part of it is not cached."""

    def __init__(self, wheel: WheelFile) -> None:
        super().__init__(f"{wheel.filename}: not cached, and its URL is unknown")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A file in a wheel's table of contents: its unpacked size in bytes, and its CRC-32."""

    size: int
    crc: int


_CONTENTS: Final = TypeAdapter(dict[str, tuple[int, int]])


class Reader:
    """Reads wheels; safe for threads. ``download`` fetches whole wheels, for servers without range requests."""

    def __init__(self, web: Web, *, folder: Path | None = None, download: bool = False) -> None:
        self.web, self.download = web, download
        self.folder = folder or paths.STATE / "wheels"
        self.cached = 0  # wheels that needed no request

    def contents(self, wheel: WheelFile) -> Mapping[str, Member]:
        """Return the table of contents of a wheel. Raises `WebError`."""
        cache = self._cache(wheel)
        contents = cache.contents()
        return self._fetch(wheel, cache, ()) if contents is None else contents

    def read(self, wheel: WheelFile, names: Collection[str]) -> dict[str, bytes | None]:
        """Return some files of a wheel by name; None for a file that it does not have. Raises `WebError`."""
        cache = self._cache(wheel)
        found = {name: cache.file(name) for name in names}
        missing = [name for name, content in found.items() if content is None]
        contents = cache.contents() if missing else None
        if missing and (contents is None or any(name in contents for name in missing)):
            self._fetch(wheel, cache, missing)
            found |= {name: cache.file(name) for name in missing}
        else:
            self.cached += 1
        return found

    def _cache(self, wheel: WheelFile) -> _CachedWheel:
        return _CachedWheel(self.folder / (wheel.sha256 or self._unhashed_id(wheel)))

    def _unhashed_id(self, wheel: WheelFile) -> str:
        """Return an identity for a wheel without a hash: a digest of its URL and of the server's headers for it."""
        if not wheel.url:
            raise NotCachedError(wheel)
        headers = self.web.head(wheel.url).headers
        validators = [headers.get(name, "") for name in ("ETag", "Last-Modified", "Content-Length")]
        return "unhashed-" + hashlib.sha256("\n".join([wheel.url, *validators]).encode()).hexdigest()

    def _fetch(self, wheel: WheelFile, cache: _CachedWheel, names: Collection[str]) -> Mapping[str, Member]:
        """Cache a wheel's table of contents and some of its files; returns the table."""
        if not wheel.url:
            raise NotCachedError(wheel)
        with _translated_errors(wheel), self._whole(wheel) if self.download else self._ranges(wheel, cache) as archive:
            contents = {i.filename: Member(size=i.file_size, crc=i.CRC) for i in archive.infolist()}
            for name in set(names) & contents.keys():
                cache.save_file(name, archive.read(name))
            cache.save_contents(contents)
            return contents

    @contextmanager
    def _ranges(self, wheel: WheelFile, cache: _CachedWheel) -> Iterator[zipfile.ZipFile]:
        """Open a wheel with range requests for the parts that are read; its end is requested only once."""
        end = cache.end()
        source = _Ranges(self.web, wheel, end)
        with _remote(wheel, source, len(end[0]) if end else _END) as archive:
            if end is None:
                cache.save_end(*source.end_from(archive.start_dir))
            yield archive

    @contextmanager
    def _whole(self, wheel: WheelFile) -> Iterator[zipfile.ZipFile]:
        """Download, verify and open a wheel, and remove it afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if wheel.size is not None and wheel.size > free:
            raise WebError(f"{wheel.filename}: too large for the disk: {wheel.size:,} bytes, {free:,} free")
        with tempfile.TemporaryDirectory(prefix=".download-", dir=self.folder) as scratch:
            path = Path(scratch, "wheel.zip")
            self.web.save(wheel.url, path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if wheel.sha256 not in {None, digest}:
                raise WebError(f"{wheel.filename}: hash mismatch: sha256 {digest}, expected {wheel.sha256}")
            with zipfile.ZipFile(path) as archive:
                yield archive


def read_contents(web: Web, wheel: WheelFile) -> list[zipfile.ZipInfo]:
    """Return the table of contents of a wheel, without the cache. Raises `WebError`."""
    with _translated_errors(wheel), _remote(wheel, _Ranges(web, wheel, None), _END) as archive:
        return archive.infolist()


@contextmanager
def _translated_errors(wheel: WheelFile) -> Iterator[None]:
    """Turn all errors of an unreadable wheel into `WebError`."""
    try:
        yield
    except RemoteZipError as error:
        raise WebError(f"{wheel.filename}: {error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise WebError(f"{wheel.filename}: not a valid wheel: {error}") from error


def _remote(wheel: WheelFile, source: _Ranges, first: int) -> zipfile.ZipFile:
    """Open a remote wheel as an archive; its last ``first`` bytes are read first."""
    archive: zipfile.ZipFile = RemoteZip(wheel.url, initial_buffer_size=first, fetcher=lambda *_, **__: source)
    return archive


class _Ranges:
    """The source that `RemoteZip` reads from: ranges of a remote file, or its cached end."""

    def __init__(self, web: Web, wheel: WheelFile, end: tuple[bytes, int] | None) -> None:
        self._web, self._wheel, self._end = web, wheel, end
        self._read: dict[int, bytes] = {}
        self._size = end[1] if end else wheel.size

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> PartialBuffer:  # noqa: ARG002
        """Return a range, both ends included; a negative start without an end counts from the end of the file."""
        first, last = data_range
        if self._end and first < 0:
            start, content = self._end[1] - len(self._end[0]), self._end[0]
        else:
            start, content, self._size = self._web.range(self._wheel.url, self._header(first, last))
            self._read[start] = content
        return PartialBuffer(io.BytesIO(content), start, len(content), stream=False)

    def _header(self, first: int, last: int | None) -> str:
        """Return the range for an HTTP header; from the end only if the size is unknown: some servers reject it."""
        if first >= 0:
            return f"{first}-{'' if last is None else last}"
        return str(first) if self._size is None else f"{max(0, self._size + first)}-{self._size - 1}"

    def end_from(self, start: int) -> tuple[bytes, int]:
        """Return the bytes from ``start`` to the end, joined from what was read, and the size of the file."""
        content = b""
        for offset, piece in sorted(self._read.items()):
            content += piece[max(0, start + len(content) - offset) :]
        return content, self._size or 0


class _CachedWheel:
    """The cached parts of one wheel. Files are written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def contents(self) -> Mapping[str, Member] | None:
        try:
            table = _CONTENTS.validate_json((self._folder / "contents.json").read_bytes())
        except (OSError, ValueError):
            return None
        return {name: Member(size=size, crc=crc) for name, (size, crc) in table.items()}

    def save_contents(self, contents: Mapping[str, Member]) -> None:
        table = {name: [member.size, member.crc] for name, member in contents.items()}
        _write(self._folder / "contents.json", json.dumps(table, separators=(",", ":")).encode())

    def end(self) -> tuple[bytes, int] | None:
        """Return the wheel's last bytes, from its table of contents on, and the size of the wheel."""
        try:
            size, _, content = (self._folder / "end.bin").read_bytes().partition(b"\n")
            return (content, int(size)) if content else None
        except (OSError, ValueError):
            return None

    def save_end(self, content: bytes, size: int) -> None:
        _write(self._folder / "end.bin", b"%d\n%s" % (size, content))

    def file(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def save_file(self, name: str, content: bytes) -> None:
        _write(self._path(name), content)

    def _path(self, name: str) -> Path:
        """Return the path of a file: its name is unique, bounded in length and safe, whatever its name in the wheel."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        return self._folder / "files" / f"{digest}-{quote(name, safe='')[-120:]}"


def _write(path: Path, content: bytes) -> None:
    """Write to a temporary file beside ``path`` and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
