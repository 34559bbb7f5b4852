"""Render what merging records found: conflicting records and refused files, escaped for a terminal or a log."""

from __future__ import annotations

from scripts.core import printable
from scripts.records.drift import drift_of, status
from scripts.records.merge import Conflict, Refused


def conflict(found: Conflict) -> str:
    """Return a conflict as text, with what each side recorded."""
    kept, other = found.kept, found.other
    lines = [f"conflict: {kept.cell.platform}/{kept.run.asked}"]
    for side, name, record in (("kept", found.names[0], kept), ("other", found.names[1], other)):
        lines.append(f"  {side + ':':<7}{name} ({record.run.recorded_at}, {status(record)})")
    # Compared in both directions: an observation that only one side has is a difference too.
    differences = dict.fromkeys(
        [(d.name or "the cell", d.accepted, d.fresh) for d in drift_of(kept, other)]
        + [(d.name or "the cell", d.fresh, d.accepted) for d in drift_of(other, kept)]
    )
    for name, mine, theirs in differences:
        lines += [f"  {name}:", f"    kept:  {mine}", f"    other: {theirs}"]
    return "\n".join(map(printable.line, lines))


def refused(file: Refused) -> str:
    """Return a refused file with the reason, on one line."""
    return printable.line(f"{file.name}: {file.why}")
