"""Making fresh records the accepted results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from scripts.records.model import FreshRecord
from scripts.records.store import Store, dump


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """What accepting did to one file of the results."""

    path: Path
    change: str  # "new", "changed" or "same"


def accept(fresh: Iterable[FreshRecord], results: Store) -> list[Accepted]:
    """Write the stable part of each record under ``results/``, by the cell that was really tested.

    A record that only tells that a cell couldn't be had is not accepted: it says nothing of torch, and an
    accepted one must not be lost to a network that is down. Of two records of one cell, the later counts.
    """
    return [_accept(record, results) for record in latest(record for record in fresh if record.is_conclusive)]


def _accept(record: FreshRecord, results: Store) -> Accepted:
    path = results.path(record.cell)
    stable = record.accepted()
    before = path.read_text("utf-8") if path.exists() else None
    if before == dump(stable):
        return Accepted(path=path, change="same")
    results.save(stable)
    return Accepted(path=path, change="new" if before is None else "changed")


def latest(fresh: Iterable[FreshRecord]) -> list[FreshRecord]:
    """One record a cell that was really tested: two builds' fallbacks can lead to the same one."""
    newest: dict[tuple[str, str], FreshRecord] = {}
    for record in sorted(fresh, key=lambda record: record.run.recorded_at):
        newest[record.cell.platform, record.cell.id] = record
    return [record for _, record in sorted(newest.items())]
