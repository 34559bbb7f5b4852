"""Accept fresh records as results."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from scripts.records.model import FreshRecord, Record
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


def migrate(results: Store, *, moved: Iterable[tuple[Path, Path]] = ()) -> list[Accepted]:
    """Write every accepted record in the present schema; return the files that changed.

    ``moved``: further records, each with the path to which it is moved first unless there is a file.

    Raises:
        SchemaError: a file is not a record; it stays where it is.
    """
    changed = []
    for old, new in moved:
        record = results.load(old, Record)
        if record is not None and not new.exists():
            results.save(record, new)
            old.unlink()
            with contextlib.suppress(OSError):  # not empty
                old.parent.rmdir()
            changed.append(Accepted(path=new, change="changed"))
    for path in results.paths():
        record = results.load(path, Record)
        if record is not None and path.read_text("utf-8") != dump(record):
            results.save(record, path)
            changed.append(Accepted(path=path, change="changed"))
    return changed


def latest(fresh: Iterable[FreshRecord]) -> list[FreshRecord]:
    """Return the latest record of each cell that was really tested; two builds can have the same fallback."""
    newest: dict[tuple[str, str], FreshRecord] = {}
    for record in sorted(fresh, key=lambda record: record.run.recorded_at):
        newest[record.cell.platform, record.cell.id] = record
    return [record for _, record in sorted(newest.items())]
