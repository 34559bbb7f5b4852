"""The verdict on a run of cells, as an exit code. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.core.errors import Exit
from scripts.records.drift import Compared
from scripts.records.model import FreshRecord


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
