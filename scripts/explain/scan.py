"""The history of files inside torch's wheels: their content in one wheel per release, and the changes."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, Literal

from scripts.core.errors import UsageError
from scripts.core.garbage import gc_paused
from scripts.index import torch_version
from scripts.index.errors import NoRangesError, WebError
from scripts.index.http import CONNECTIONS
from scripts.index.remote_wheels import Reader
from scripts.index.torch_version import VERSION_FILE, Torch
from scripts.index.wheel_files import WheelFile

#: Maximum number of files of one wheel that patterns may match; each needs a request.
MAX_FILES: Final = 300

State = Literal["first", "same", "changed", "absent", "unknown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A file in one wheel."""

    sha256: str
    size: int
    content: bytes = dataclasses.field(repr=False)

    @classmethod
    def of(cls, content: bytes) -> Text:
        """Return the file with this content."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size=len(content), content=content)

    @property
    def lines(self) -> list[str]:
        """The lines of the file, with line ends."""
        return self.content.decode("utf-8", "replace").splitlines(keepends=True)

    def find(self, text: str) -> tuple[int, ...]:
        """Return the numbers, from 1, of the lines that contain ``text``."""
        return tuple(number for number, line in enumerate(self.lines, 1) if text in line)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scanned:
    """A release: its wheel, the wheel's version file, and the requested files in it."""

    release: str
    wheel: WheelFile
    torch: Torch | None = None
    files: Mapping[str, Text] = dataclasses.field(default_factory=dict)
    problem: str | None = None  # why the wheel could not be read


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A file in one release, compared with the previous release that could be read."""

    scanned: Scanned
    state: State
    text: Text | None
    since: Scanned | None = None  # the previous release


def scan(
    reader: Reader,
    chosen: Mapping[str, WheelFile],
    patterns: Sequence[str],
    report: Callable[[str], None] = lambda _: None,
) -> list[Scanned]:
    """Read some files of every chosen wheel, many wheels in parallel. An unreadable wheel has a problem instead.

    ``report`` is called with each release once it is read.

    Raises:
        NoRangesError: a server does not support range requests.
    """

    def read(item: tuple[str, WheelFile]) -> Scanned:
        scanned = _scanned(reader, *item, patterns)
        report(item[0])
        return scanned

    with gc_paused(), ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(read, chosen.items()))


def _scanned(reader: Reader, release: str, wheel: WheelFile, patterns: Sequence[str]) -> Scanned:
    try:
        names = _named(reader, wheel, patterns)
        found = reader.read(wheel, [*names, VERSION_FILE])
    except NoRangesError:
        raise
    except WebError as error:
        return Scanned(release=release, wheel=wheel, problem=str(error))
    version = found[VERSION_FILE]
    files = {name: Text.of(content) for name in names if (content := found[name]) is not None}
    return Scanned(release=release, wheel=wheel, torch=torch_version.parse(version) if version else None, files=files)


def _named(reader: Reader, wheel: WheelFile, patterns: Sequence[str]) -> list[str]:
    """Return the paths, and the files that match the patterns; only patterns need the wheel's table of contents."""
    names = [pattern for pattern in patterns if not is_pattern(pattern)]
    if len(names) < len(patterns):
        contents = [name for name in reader.contents(wheel) if not name.endswith("/")]
        for pattern in filter(is_pattern, patterns):
            names += fnmatch.filter(contents, pattern)
    unique = list(dict.fromkeys(names))
    if len(unique) > MAX_FILES:
        raise UsageError(f"{len(unique)} files of {wheel.filename} match; at most {MAX_FILES} can be read")
    return unique


def is_pattern(path: str) -> bool:
    """Return True if a path is a shell pattern."""
    return any(sign in path for sign in "*?[")


def paths_of(scanned: Sequence[Scanned], patterns: Sequence[str]) -> list[str]:
    """Return the requested paths, then those that match a pattern, each in order."""
    plain = [pattern for pattern in patterns if not is_pattern(pattern)]
    return list(dict.fromkeys([*plain, *sorted({name for release in scanned for name in release.files})]))


def history(scanned: Sequence[Scanned], path: str) -> list[Entry]:
    """Return the states of one file, release by release."""
    entries: list[Entry] = []
    before: Scanned | None = None
    for release in scanned:
        text = release.files.get(path)
        if release.problem is not None:
            entries.append(Entry(scanned=release, state="unknown", text=None))
            continue
        entries.append(Entry(scanned=release, state=_state(before, text, path), text=text, since=before))
        before = release
    return entries


def _state(before: Scanned | None, text: Text | None, path: str) -> State:
    if text is None:
        return "absent"
    earlier = before.files.get(path) if before else None
    if earlier is None:
        return "first"
    return "same" if earlier.sha256 == text.sha256 else "changed"


def moved(entries: Sequence[Entry]) -> list[tuple[Scanned, Scanned]]:
    """Return the pairs of releases between which a file was added, changed or removed."""
    read = [entry for entry in entries if entry.state != "unknown"]
    return [
        (a.scanned, b.scanned)
        for a, b in pairwise(read)
        if (a.text.sha256 if a.text else None) != (b.text.sha256 if b.text else None)
    ]


def diff(before: Scanned, after: Scanned, path: str) -> str:
    """Return the unified diff of a file between two releases; a missing file counts as empty."""
    sides = [side.files[path].lines if path in side.files else [] for side in (before, after)]
    names = [f"torch {side.release}  {path}" if path in side.files else "/dev/null" for side in (before, after)]
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(sides[0], sides[1], fromfile=names[0], tofile=names[1])
    )
