"""Drift: what fresh records show that the accepted results don't. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from scripts.results.accepting import latest
from scripts.results.records import CellKey, FreshRecord, Record
from scripts.results.signature import Signature, classify, describe, describe_sides, signatures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift:
    """One thing that a fresh record shows otherwise than the accepted one of the same cell."""

    cell: CellKey
    name: str | None  # an observation or a test; None: the cell itself
    kind: str
    accepted: str
    fresh: str

    def __str__(self) -> str:
        """The drift as a sentence."""
        what = f"{self.cell.id} {self.name}" if self.name else self.cell.id
        return f"{what}, {self.kind}: {self.accepted} → {self.fresh}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """Fresh records against the accepted results."""

    drift: tuple[Drift, ...]
    new: tuple[CellKey, ...]  # cells that the results lack; never drift
    same: tuple[CellKey, ...]
    other_wheel: tuple[CellKey, ...]  # the same behaviour, of a wheel with another sha256


def compare(fresh: Iterable[FreshRecord], accepted: Iterable[Record]) -> Compared:
    """Compare what was really tested, cell by cell. Cells that couldn't be had say nothing, and are left out."""
    known: Mapping[str, Record] = {f"{record.cell.platform}/{record.cell.id}": record for record in accepted}
    drift: list[Drift] = []
    new, same, other = list[CellKey](), list[CellKey](), list[CellKey]()
    for record in latest(record for record in fresh if record.tells):
        before = known.get(f"{record.cell.platform}/{record.cell.id}")
        if before is None:
            new.append(record.cell)
        elif found := drift_of(before, record):
            drift += found
        else:
            (same if _wheel(before) == _wheel(record) else other).append(record.cell)
    return Compared(drift=tuple(drift), new=tuple(new), same=tuple(same), other_wheel=tuple(other))


def drift_of(accepted: Record, fresh: Record) -> list[Drift]:
    """All that differs between two records of one cell: its status, then each signature.

    An observation that the accepted record lacks is a new probe's, and no drift.
    """
    if accepted.status != fresh.status:
        return [Drift(cell=fresh.cell, name=None, kind="status", accepted=status(accepted), fresh=status(fresh))]
    if accepted.reason != fresh.reason:
        return [Drift(cell=fresh.cell, name=None, kind="reason", accepted=status(accepted), fresh=status(fresh))]
    now = signatures(fresh)
    return [
        _drift(fresh.cell, name, before, now.get(name))
        for name, before in signatures(accepted).items()
        if now.get(name) != before
    ]


def _drift(cell: CellKey, name: str, before: Signature, after: Signature | None) -> Drift:
    sides = (describe(before), "nothing") if after is None else describe_sides(before, after)
    return Drift(cell=cell, name=name, kind=_kind(before, after), accepted=sides[0], fresh=sides[1])


def _kind(before: Signature, after: Signature | None) -> str:
    return "not observed any more" if after is None else classify(before, after)


def status(record: Record) -> str:
    """A record's status in a few words, with its reason."""
    if record.reason is None:
        return record.status
    return f"{record.status} ({record.reason.stage}: {record.reason.kind}; {record.reason.message})"


def _wheel(record: Record) -> str | None:
    return record.wheel.sha256 if record.wheel else None
