"""Accept fresh records as results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from scripts.records.model import FreshRecord
from scripts.records.store import Store, dump


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """A file of the results, and its change."""

    path: Path
    change: str  # "new", "changed" or "same"


def accept(fresh: Iterable[FreshRecord], results: Store) -> list[Accepted]:
    """Write the reproducible part of each record under ``results/``, by the cell that was really tested.

    Inconclusive records are not accepted, so that a network failure never replaces a result. Of several records of one
    cell the latest is accepted.
    """
    return [_accept(record, results) for record in latest(record for record in fresh if record.is_conclusive)]


def _accept(record: FreshRecord, results: Store) -> Accepted:
    path = results.path(record.cell)
    accepted = record.accepted()
    before = path.read_text("utf-8") if path.exists() else None
    if before == dump(accepted):
        return Accepted(path=path, change="same")
    results.save(accepted)
    return Accepted(path=path, change="new" if before is None else "changed")


def latest(fresh: Iterable[FreshRecord]) -> list[FreshRecord]:
    """Return the latest record of each cell that was really tested; two builds can have the same fallback."""
    newest: dict[tuple[str, str], FreshRecord] = {}
    for record in sorted(fresh, key=lambda record: record.run.recorded_at):
        newest[record.cell.platform, record.cell.id] = record
    return [record for _, record in sorted(newest.items())]
