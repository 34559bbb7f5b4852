"""Find releases that ``matrix.toml`` lacks, and add them to its text. Pure."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import tomlkit
import tomlkit.items
from packaging.version import InvalidVersion, Version

from scripts.config.versions import version


@dataclasses.dataclass(frozen=True, kw_only=True)
class News:
    """Releases and Pythons that an index has and a matrix lacks, in order."""

    releases: tuple[str, ...]
    pythons: tuple[str, ...]  # of the newest release


def missing(known: Iterable[str], on_index: Iterable[str]) -> list[str]:
    """Return the unknown stable releases of an index that are newer than the first known release, in order."""
    known = set(known)
    first = min(known, key=version)
    stable = {text for text in on_index if _is_stable(text) and version(text) > version(first)}
    return sorted(stable - known, key=version)


def _is_stable(text: str) -> bool:
    try:
        parsed = Version(text)
    except InvalidVersion:
        return False
    return not parsed.is_prerelease and not parsed.is_postrelease and parsed.local is None


def added(text: str, releases: Sequence[str]) -> str:
    """Return the text of a matrix.toml with ``releases`` inserted into its list in order.

    Releases of one minor share a line. Comments and all other text are unchanged.

    Raises:
        ValueError: there is no list of releases.
    """
    document = tomlkit.parse(text)
    array = document.get("releases")
    if not isinstance(array, tomlkit.items.Array):
        raise ValueError("no list `releases = […]` at the top of the file")  # noqa: TRY004 - the text is invalid, not a type
    if not releases:
        return text
    lines = [line for written in array.as_string()[1:-1].splitlines() for line in _lines(written)]
    for release in releases:
        _insert(lines, release)
    document["releases"] = _array(lines)
    return tomlkit.dumps(document)


@dataclasses.dataclass(kw_only=True)
class _Line:
    """A line of the list: releases of one minor, a comment, or both."""

    releases: list[str]
    comment: str = ""

    def follows(self, release: str) -> bool:
        """Return whether a release belongs before this line."""
        return bool(self.releases) and version(self.releases[0]) > version(release)


def _lines(text: str) -> Iterator[_Line]:
    """Yield the line, split by minor releases."""
    listed, _, comment = text.partition("#")  # releases contain no #
    found = re.findall(r"""["']([^"']+)["']""", listed)
    minors = [list(group) for _, group in itertools.groupby(found, key=_minor)]
    if minors or comment:
        yield _Line(releases=minors[0] if minors else [], comment=comment.strip())
    for group in minors[1:]:
        yield _Line(releases=group)


def _insert(lines: list[_Line], release: str) -> None:
    """Insert a release into the line of its minor, or on a new line before newer releases."""
    for line in lines:
        if line.releases and _minor(line.releases[0]) == _minor(release):
            line.releases = sorted({*line.releases, release}, key=version)
            return
    last = max((number for number, line in enumerate(lines) if line.releases), default=-1)
    index = next((number for number, line in enumerate(lines) if line.follows(release)), last + 1)
    while 0 < index <= last and not lines[index - 1].releases:
        index -= 1  # a comment line belongs to the releases below it
    lines.insert(index, _Line(releases=[release]))


def _minor(release: str) -> tuple[int, ...]:
    return version(release).release[:2]


def _array(lines: Iterable[_Line]) -> tomlkit.items.Array:
    array = tomlkit.array()
    for line in lines:
        array.add_line(*line.releases, indent="  ", comment=line.comment or None)
    array.add_line(indent="")
    return array
