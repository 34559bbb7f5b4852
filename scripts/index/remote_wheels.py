"""Reading files inside remote wheels: by ranges of bytes, or from a whole download; all of it kept for good.

What was read lies under ``.matrix/wheels/<identity>/``, by the wheel's sha256: its table of contents, and each
file that was wanted. A wheel never changes, so nothing there is ever out of date.
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

#: Bytes at the end of a wheel that tell where its table of contents is; the table itself is about 1 MB.
_END: Final = 4096


class NotCachedError(WebError):
    """A wheel without an address was asked for more than is kept of it."""

    def __init__(self, wheel: WheelFile) -> None:
        super().__init__(f"{wheel.filename}: nothing is known of where it is")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A file in a wheel, as its table of contents has it: bytes when unpacked, and CRC-32."""

    size: int
    crc: int


_CONTENTS: Final = TypeAdapter(dict[str, tuple[int, int]])


class Reader:
    """Reads wheels, from many threads. ``download`` fetches wheels whole, where a server gives no ranges."""

    def __init__(self, web: Web, *, folder: Path | None = None, download: bool = False) -> None:
        self.web, self.download = web, download
        self.folder = folder or paths.STATE / "wheels"
        self.cached = 0  # wheels of which nothing had to be fetched

    def contents(self, wheel: WheelFile) -> Mapping[str, Member]:
        """Every file of a wheel. Raises `WebError`."""
        shelf = self._shelf(wheel)
        kept = shelf.contents()
        return self._fetch(wheel, shelf, ()) if kept is None else kept

    def read(self, wheel: WheelFile, names: Collection[str]) -> dict[str, bytes | None]:
        """Some files of a wheel, each None where the wheel has none of that name. Raises `WebError`."""
        shelf = self._shelf(wheel)
        found = {name: shelf.file(name) for name in names}
        missing = [name for name, content in found.items() if content is None]
        contents = shelf.contents() if missing else None
        if missing and (contents is None or any(name in contents for name in missing)):
            self._fetch(wheel, shelf, missing)
            found |= {name: shelf.file(name) for name in missing}
        else:
            self.cached += 1
        return found

    def _shelf(self, wheel: WheelFile) -> _CachedWheel:
        return _CachedWheel(self.folder / (wheel.sha256 or self._stand_in(wheel)))

    def _stand_in(self, wheel: WheelFile) -> str:
        """The identity of a wheel whose index gives no hash: where it is, and what the server says of it."""
        if not wheel.url:
            raise NotCachedError(wheel)
        headers = self.web.head(wheel.url).headers
        said = [headers.get(name, "") for name in ("ETag", "Last-Modified", "Content-Length")]
        return "unhashed-" + hashlib.sha256("\n".join([wheel.url, *said]).encode()).hexdigest()

    def _fetch(self, wheel: WheelFile, shelf: _CachedWheel, names: Collection[str]) -> Mapping[str, Member]:
        """Put a wheel's table of contents and some of its files on the shelf; returns the table."""
        if not wheel.url:
            raise NotCachedError(wheel)
        with _sound(wheel), self._whole(wheel) if self.download else self._in_parts(wheel, shelf) as archive:
            contents = {i.filename: Member(size=i.file_size, crc=i.CRC) for i in archive.infolist()}
            for name in set(names) & contents.keys():
                shelf.put_file(name, archive.read(name))
            shelf.put_contents(contents)
            return contents

    @contextmanager
    def _in_parts(self, wheel: WheelFile, shelf: _CachedWheel) -> Iterator[zipfile.ZipFile]:
        """A wheel of which only what is read comes over the wire; the end of it only the first time."""
        end = shelf.end()
        source = _Ranges(self.web, wheel, end)
        with _remote(wheel, source, len(end[0]) if end else _END) as archive:
            if end is None:
                shelf.put_end(*source.end_from(archive.start_dir))
            yield archive

    @contextmanager
    def _whole(self, wheel: WheelFile) -> Iterator[zipfile.ZipFile]:
        """A wheel that is downloaded, checked, read and removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(self.folder).free
        if wheel.size is not None and wheel.size > room:
            raise WebError(f"{wheel.filename} has {wheel.size:,} bytes, and {room:,} are free on the disk")
        with tempfile.TemporaryDirectory(prefix=".download-", dir=self.folder) as scratch:
            path = Path(scratch, "wheel.zip")
            self.web.save(wheel.url, path)
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if wheel.sha256 not in {None, found}:
                raise WebError(f"{wheel.filename}: its sha256 is {found}, and the index says {wheel.sha256}")
            with zipfile.ZipFile(path) as archive:
                yield archive


def entries(web: Web, wheel: WheelFile) -> list[zipfile.ZipInfo]:
    """The table of contents of a wheel, read from its end and not kept. Raises `WebError`."""
    with _sound(wheel), _remote(wheel, _Ranges(web, wheel, None), _END) as archive:
        return archive.infolist()


@contextmanager
def _sound(wheel: WheelFile) -> Iterator[None]:
    """Tell of a wheel that can't be read, whatever is wrong with it. Raises `WebError`."""
    try:
        yield
    except RemoteZipError as error:
        raise WebError(f"{wheel.filename}: {error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise WebError(f"{wheel.filename} is no sound wheel: {error}") from error


def _remote(wheel: WheelFile, source: _Ranges, first: int) -> zipfile.ZipFile:
    """A remote wheel as an archive, of which so many bytes at the end are read first."""
    archive: zipfile.ZipFile = RemoteZip(wheel.url, initial_buffer_size=first, fetcher=lambda *_, **__: source)
    return archive


class _Ranges:
    """What `RemoteZip` reads from: ranges of a remote file, or the end of it that was kept."""

    def __init__(self, web: Web, wheel: WheelFile, end: tuple[bytes, int] | None) -> None:
        self._web, self._wheel, self._end = web, wheel, end
        self._read: dict[int, bytes] = {}
        self._size = end[1] if end else wheel.size

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> PartialBuffer:  # noqa: ARG002
        """A range, inclusive; a negative start without an end counts from the end of the file."""
        first, last = data_range
        if self._end and first < 0:
            start, content = self._end[1] - len(self._end[0]), self._end[0]
        else:
            start, content, self._size = self._web.range(self._wheel.url, self._wanted(first, last))
            self._read[start] = content
        return PartialBuffer(io.BytesIO(content), start, len(content), stream=False)

    def _wanted(self, first: int, last: int | None) -> str:
        """The range as HTTP writes it; not every server can count from the end, so a known size is used."""
        if first >= 0:
            return f"{first}-{'' if last is None else last}"
        return str(first) if self._size is None else f"{max(0, self._size + first)}-{self._size - 1}"

    def end_from(self, start: int) -> tuple[bytes, int]:
        """All from ``start`` to the end, pieced together from what was read; and the size of the file."""
        content = b""
        for offset, piece in sorted(self._read.items()):
            content += piece[max(0, start + len(content) - offset) :]
        return content, self._size or 0


class _CachedWheel:
    """What is kept of one wheel. Every file is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def contents(self) -> Mapping[str, Member] | None:
        try:
            table = _CONTENTS.validate_json((self._folder / "contents.json").read_bytes())
        except (OSError, ValueError):
            return None
        return {name: Member(size=size, crc=crc) for name, (size, crc) in table.items()}

    def put_contents(self, contents: Mapping[str, Member]) -> None:
        table = {name: [member.size, member.crc] for name, member in contents.items()}
        _write(self._folder / "contents.json", json.dumps(table, separators=(",", ":")).encode())

    def end(self) -> tuple[bytes, int] | None:
        """The wheel's last bytes, from its table of contents on, and the size of the wheel."""
        try:
            size, _, content = (self._folder / "end.bin").read_bytes().partition(b"\n")
            return (content, int(size)) if content else None
        except (OSError, ValueError):
            return None

    def put_end(self, content: bytes, size: int) -> None:
        _write(self._folder / "end.bin", b"%d\n%s" % (size, content))

    def file(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def put_file(self, name: str, content: bytes) -> None:
        _write(self._path(name), content)

    def _path(self, name: str) -> Path:
        """A flat name of bounded length, unique and harmless whatever a wheel calls its files."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        return self._folder / "files" / f"{digest}-{quote(name, safe='')[-120:]}"


def _write(path: Path, content: bytes) -> None:
    """Write to a temporary name beside ``path`` and rename."""
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
