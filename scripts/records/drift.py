"""Drift: differences between fresh records and the accepted results, and the verdict on a run. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from scripts.core.documents import StrictModel
from scripts.core.errors import Exit
from scripts.core.escaping import visible
from scripts.records.accept import latest
from scripts.records.model import CellKey, FreshRecord, Record
from scripts.records.signature import Signature, describe, describe_sides, shown_kind, signatures


class Drift(StrictModel):
    """A difference between the fresh and the accepted record of a cell."""

    cell: str  # its id
    platform: str
    name: str | None  # an observation or a test; None: the cell itself
    kind: str
    accepted: str
    fresh: str

    @property
    def sentence(self) -> str:
        """The drift in words, with the name of a test without its file."""
        subject = f"{self.cell} {visible(self.name.rpartition('::')[2])}" if self.name else self.cell
        return f"{subject}: {self.kind}: {self.accepted} → {self.fresh}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """Fresh records compared with the accepted results."""

    drift: tuple[Drift, ...]
    new: tuple[CellKey, ...]  # cells without an accepted record; never drift


def compare(fresh: Iterable[FreshRecord], accepted: Iterable[Record]) -> Compared:
    """Compare records by the cell that was really tested. Inconclusive records are left out."""
    known: Mapping[str, Record] = {f"{record.cell.platform}/{record.cell.id}": record for record in accepted}
    drift: list[Drift] = []
    new: list[CellKey] = []
    for record in latest(record for record in fresh if record.is_conclusive):
        before = known.get(f"{record.cell.platform}/{record.cell.id}")
        if before is None:
            new.append(record.cell)
        else:
            drift += drift_of(before, record)
    return Compared(drift=tuple(drift), new=tuple(new))


def drift_of(accepted: Record, fresh: Record) -> list[Drift]:
    """Return the differences between two records of one cell: its status, or else its signatures.

    An observation that the accepted record lacks belongs to a new test, and is no drift.
    """
    if accepted.status != fresh.status:
        return [_drift(fresh.cell, None, "status", status(accepted), status(fresh))]
    if accepted.reason != fresh.reason:
        return [_drift(fresh.cell, None, "reason", status(accepted), status(fresh))]
    now = signatures(fresh)
    return [
        _changed(fresh.cell, name, before, now.get(name))
        for name, before in signatures(accepted).items()
        if now.get(name) != before
    ]


def _changed(cell: CellKey, name: str, before: Signature, after: Signature | None) -> Drift:
    if after is None:
        return _drift(cell, name, "not observed any more", describe(before), "nothing")
    return _drift(cell, name, shown_kind(before, after), *describe_sides(before, after))


def _drift(cell: CellKey, name: str | None, kind: str, accepted: str, fresh: str) -> Drift:
    return Drift(cell=cell.id, platform=cell.platform, name=name, kind=kind, accepted=accepted, fresh=fresh)


def status(record: Record) -> str:
    """Return a record's status in a few words, with its reason."""
    if record.reason is None:
        return record.status
    return f"{record.status} ({record.reason.stage}: {record.reason.kind}; {record.reason.message})"


def verdict(records: Sequence[FreshRecord], compared: Compared) -> Exit:
    """Return the exit code of a run; where several apply, the most serious one."""
    if any(record.reason and record.reason.stage == "internal" for record in records):
        return Exit.MACHINERY
    if compared.drift:
        return Exit.UNEXPECTED
    if any(broken(record) for record in records):
        return Exit.MACHINERY
    return Exit.OK if any(record.usable for record in records) else Exit.INCONCLUSIVE


def broken(record: FreshRecord) -> bool:
    """Return True if a cell failed for another reason than torch: before torch was tested, or no test could be read."""
    unreadable = record.status == "error" and record.reason is not None and record.reason.stage == "run"
    return unreadable or (not record.is_conclusive and record.status != "unavailable")
