"""The table of a report: rows are observations or tests that behave alike, columns are ranges of releases. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from pydantic import Field

from scripts.core.documents import StrictModel
from scripts.history.marks import DEFECT
from scripts.records.signature import Signature, blocker

#: Outcomes in which nothing failed, and nothing was tested either.
_IDLE: Final = frozenset({"blocked", "skipped"})


class Row(StrictModel):
    """Observations or tests that behave alike in every cell of a platform."""

    names: tuple[str, ...]
    signatures: tuple[tuple[str, ...], ...] = Field(
        description="Ids of signatures by column; several where builds or Pythons differ, none where not recorded."
    )
    listed: bool = Field(description="True if it fails, changes, differs or asserts a known defect.")
    blocks: tuple[str, ...] = Field((), description="Names that these block, and that succeed in all other cells.")
    known_defect: str | None = None


class Table(StrictModel):
    """The rows of a platform; each column is a range of neighbouring releases in which no row changes."""

    platform: str
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]


class Seen(Protocol):
    """A recorded cell."""

    @property
    def torch(self) -> str:
        """Its release."""

    @property
    def platform(self) -> str:
        """Its platform."""

    @property
    def seen(self) -> Mapping[str, str]:
        """The ids of its signatures by name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Appearance:
    """Signatures by id, their marks, and the known defects that tests assert, by name."""

    signatures: Mapping[str, Signature]
    marks: Mapping[str, str]
    defects: Mapping[str, str]

    def alike(self) -> dict[str, str]:
        """Return for each signature the first one that looks the same."""
        first: dict[tuple[str, ...], str] = {}
        return {key: first.setdefault(self._look(key), key) for key in self.signatures}

    def _look(self, key: str) -> tuple[str, ...]:
        signature = self.signatures[key]
        detail = signature.outcome if signature.good else blocker(signature) or ""
        return self.marks[key], detail


def tables(cells: Iterable[Seen], names: Sequence[str], appearance: Appearance) -> tuple[Table, ...]:
    """Return a table for each platform, from its recorded cells in the order of their releases."""
    by_platform: dict[str, list[Seen]] = defaultdict(list)
    for cell in cells:
        by_platform[cell.platform].append(cell)
    alike = appearance.alike()
    return tuple(_table(platform, group, names, appearance, alike) for platform, group in sorted(by_platform.items()))


def _table(
    platform: str, cells: Sequence[Seen], names: Sequence[str], appearance: Appearance, alike: Mapping[str, str]
) -> Table:
    groups: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for name in names:
        pattern = tuple(alike[cell.seen[name]] if name in cell.seen else "" for cell in cells)
        if any(pattern):
            groups.setdefault((appearance.defects.get(name), pattern), []).append(name)
    numbers: dict[str, list[int]] = {}
    for number, cell in enumerate(cells):
        numbers.setdefault(cell.torch, []).append(number)
    releases = list(numbers)
    shown = [
        [_signatures((pattern[n] for n in numbers[release]), appearance) for release in releases]
        for _, pattern in groups
    ]
    starts = [n for n in range(len(releases)) if not n or any(row[n] != row[n - 1] for row in shown)]
    columns = [releases[a:b] for a, b in zip(starts, [*starts[1:], len(releases)], strict=True)]
    rows = [
        _row(members, tuple(row[n] for n in starts), defect, appearance)
        for ((defect, _), members), row in zip(groups.items(), shown, strict=True)
    ]
    return Table(platform=platform, columns=tuple(map(tuple, columns)), rows=tuple(_folded(rows, appearance)))


def _signatures(keys: Iterable[str], appearance: Appearance) -> tuple[str, ...]:
    """Return the distinct signatures of a release; a skip counts only if nothing else was seen."""
    distinct = set(filter(None, keys))
    if len(distinct) <= 1:
        return tuple(distinct)
    found = sorted(distinct, key=lambda key: (len(key), key))
    tested = [key for key in found if appearance.signatures[key].outcome != "skipped"]
    return tuple(tested or found)


def _row(
    names: Sequence[str], signatures: tuple[tuple[str, ...], ...], defect: str | None, appearance: Appearance
) -> Row:
    seen = [appearance.signatures[key] for keys in signatures for key in keys]
    differs = len({keys for keys in signatures if keys}) > 1 or any(len(keys) > 1 for keys in signatures)
    fails = any(not signature.good and signature.outcome != "skipped" for signature in seen)
    return Row(names=tuple(names), signatures=signatures, listed=differs or fails or bool(defect), known_defect=defect)


def _folded(rows: Sequence[Row], appearance: Appearance) -> list[Row]:
    """Return the rows without those that are only ever blocked or fine; the row that blocks them names them."""
    causes = {name: number for number, row in enumerate(rows) for name in row.names}
    blocking: dict[int, list[str]] = defaultdict(list)
    kept = []
    for number, row in enumerate(rows):
        cause = _cause(rows, number, causes, appearance)
        if cause is None:
            kept.append(number)
        else:
            blocking[cause] += row.names
    return [rows[number].model_copy(update={"blocks": tuple(blocking[number])}) for number in kept]


def _cause(rows: Sequence[Row], number: int, causes: Mapping[str, int], appearance: Appearance) -> int | None:
    """Return the row at the start of the chain that blocks a row wherever it does not just succeed, or None."""
    followed: list[int] = []
    while number not in followed:
        followed.append(number)
        seen = [appearance.signatures[key] for key in {key for keys in rows[number].signatures for key in keys}]
        fine = [signature for signature in seen if signature.good]
        by = {blocker(signature) for signature in seen if not signature.good}
        if len(fine) > 1 or rows[number].known_defect:
            by = set()
        only = next(iter(by)) if len(by) == 1 else None
        if only is None or only not in causes:
            return number if len(followed) > 1 else None
        number = causes[only]
    return None


def mark_of(mark: str, known_defect: str | None) -> str:
    """Return the mark of a signature of a row: a pass that asserts a known defect has one of its own."""
    return mark.replace("✓", DEFECT, 1) if known_defect else mark
