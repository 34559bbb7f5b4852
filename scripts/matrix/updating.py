"""Finding releases that an index has and ``matrix.toml`` lacks, and adding them to its text. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from packaging.version import InvalidVersion, Version

from scripts.matrix.cells import version


@dataclasses.dataclass(frozen=True, kw_only=True)
class News:
    """What an index has and a matrix lacks, in order."""

    releases: tuple[str, ...]
    pythons: tuple[str, ...]  # of the newest release


def missing(known: Iterable[str], on_index: Iterable[str]) -> list[str]:
    """Stable releases on the index that come after the first known one and are not known, in order."""
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
    """The text of a matrix.toml with ``releases`` put in order into its list; all else stays as it is.

    Releases of one minor share a line.
    """
    match = re.search(r"^releases = \[(?P<list>[^\[\]]*)\]", text, re.MULTILINE)
    if match is None:
        raise ValueError("no list `releases = […]` at the top of the file")
    if not releases:
        return text
    all_of_them = sorted({*re.findall(r'"([^"]+)"', match["list"]), *releases}, key=version)
    lines: dict[tuple[int, ...], list[str]] = {}
    for release in all_of_them:
        lines.setdefault(version(release).release[:2], []).append(f'"{release}",')
    block = "\n" + "".join(f"  {' '.join(line)}\n" for line in lines.values())
    return text[: match.start("list")] + block + text[match.end("list") :]
