"""The history of files inside torch's wheels: one wheel a release, what each has of the files, and what changed."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, Literal

from scripts import bulk
from scripts.errors import UsageError
from scripts.index.errors import NoRangesError, WebError
from scripts.index.http import CONNECTIONS
from scripts.results.records import Torch
from scripts.sources import torchinfo
from scripts.sources.torchinfo import VERSION_FILE
from scripts.sources.wheelfiles import WheelFile
from scripts.sources.wheels import Reader

#: Files of one wheel that a pattern may stand for; each is a request.
MOST_FILES: Final = 300

State = Literal["first", "same", "changed", "absent", "unknown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A file as one wheel has it."""

    sha256: str
    size: int
    content: bytes = dataclasses.field(repr=False)

    @classmethod
    def of(cls, content: bytes) -> Text:
        """The file with this content."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size=len(content), content=content)

    @property
    def lines(self) -> list[str]:
        """Its lines, with their ends."""
        return self.content.decode("utf-8", "replace").splitlines(keepends=True)

    def find(self, text: str) -> tuple[int, ...]:
        """The lines, from 1, that hold ``text``."""
        return tuple(number for number, line in enumerate(self.lines, 1) if text in line)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scanned:
    """One release: its wheel, what that says of itself, and the files that were wanted and are there."""

    release: str
    wheel: WheelFile
    torch: Torch | None = None
    files: Mapping[str, Text] = dataclasses.field(default_factory=dict)
    problem: str | None = None  # why the wheel couldn't be read


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One file in one release, against the release before that could be read."""

    scanned: Scanned
    state: State
    text: Text | None
    since: Scanned | None = None  # the release before, where the file changed


def scan(
    reader: Reader,
    chosen: Mapping[str, WheelFile],
    patterns: Sequence[str],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Scanned]:
    """Read some files of every chosen wheel, many wheels at once. What can't be read has a problem instead.

    Raises:
        NoRangesError: a server gives no ranges of files.
    """

    def one(item: tuple[str, WheelFile]) -> Scanned:
        scanned = _scanned(reader, *item, patterns)
        tell(item[0])
        return scanned

    with bulk.uncollected(), ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(one, chosen.items()))


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
    return Scanned(release=release, wheel=wheel, torch=torchinfo.parse(version) if version else None, files=files)


def _named(reader: Reader, wheel: WheelFile, patterns: Sequence[str]) -> list[str]:
    """The files that paths and patterns stand for in a wheel; paths as they are, which costs no listing."""
    names = [pattern for pattern in patterns if not is_pattern(pattern)]
    if len(names) < len(patterns):
        contents = [name for name in reader.contents(wheel) if not name.endswith("/")]
        for pattern in filter(is_pattern, patterns):
            names += fnmatch.filter(contents, pattern)
    unique = list(dict.fromkeys(names))
    if len(unique) > MOST_FILES:
        raise UsageError(f"{len(unique)} files of {wheel.filename} match; a pattern may stand for {MOST_FILES}")
    return unique


def is_pattern(path: str) -> bool:
    """Whether a path is a pattern, as the shell writes them."""
    return any(sign in path for sign in "*?[")


def paths_of(scanned: Sequence[Scanned], patterns: Sequence[str]) -> list[str]:
    """Every path that was asked for, or found by a pattern, in order."""
    asked = [pattern for pattern in patterns if not is_pattern(pattern)]
    return list(dict.fromkeys([*asked, *sorted({name for one in scanned for name in one.files})]))


def history(scanned: Sequence[Scanned], path: str) -> list[Entry]:
    """What became of one file, release by release."""
    entries: list[Entry] = []
    before: Scanned | None = None
    for one in scanned:
        text = one.files.get(path)
        if one.problem is not None:
            entries.append(Entry(scanned=one, state="unknown", text=None))
            continue
        entries.append(Entry(scanned=one, state=_state(before, text, path), text=text, since=before))
        before = one
    return entries


def _state(before: Scanned | None, text: Text | None, path: str) -> State:
    if text is None:
        return "absent"
    earlier = before.files.get(path) if before else None
    if earlier is None:
        return "first"
    return "same" if earlier.sha256 == text.sha256 else "changed"


def moved(entries: Sequence[Entry]) -> list[tuple[Scanned, Scanned]]:
    """The pairs of releases between which a file came, changed or went."""
    read = [entry for entry in entries if entry.state != "unknown"]
    return [
        (a.scanned, b.scanned)
        for a, b in pairwise(read)
        if (a.text.sha256 if a.text else None) != (b.text.sha256 if b.text else None)
    ]


def diff(before: Scanned, after: Scanned, path: str) -> str:
    """The unified diff of a file between two releases; a missing file is an empty one."""
    sides = [one.files[path].lines if path in one.files else [] for one in (before, after)]
    names = [f"torch {one.release}  {path}" if path in one.files else "/dev/null" for one in (before, after)]
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(sides[0], sides[1], fromfile=names[0], tofile=names[1])
    )
