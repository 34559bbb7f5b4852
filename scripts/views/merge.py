"""Render what merging records found: conflicting records and refused files, escaped for a terminal or a log."""

from __future__ import annotations

from scripts.core import escaping
from scripts.records.drift import drift_of, status
from scripts.records.merge import Conflict, Refused


def conflict(found: Conflict) -> str:
    """Return a conflict as text, with what each side recorded."""
    chosen, rejected = found.chosen, found.rejected
    lines = [f"conflict: {chosen.cell.platform}/{chosen.run.asked}"]
    for side, name, record in (("kept", found.names[0], chosen), ("other", found.names[1], rejected)):
        lines.append(f"  {side + ':':<7}{name} ({record.run.recorded_at}, {status(record)})")
    # Compared in both directions: an observation that only one side has is a difference too.
    differences = dict.fromkeys(
        [(d.name or "the cell", d.accepted, d.fresh) for d in drift_of(chosen, rejected)]
        + [(d.name or "the cell", d.fresh, d.accepted) for d in drift_of(rejected, chosen)]
    )
    for name, ours, theirs in differences:
        lines += [f"  {name}:", f"    kept:  {ours}", f"    other: {theirs}"]
    return "\n".join(map(escaping.line, lines))


def refused(file: Refused) -> str:
    """Return a refused file with the reason, on one line."""
    return escaping.line(f"{file.name}: {file.why}")
