"""How evidence is shown, wherever it is: rows of text, the hunks of its diffs, JSON. Pure."""

from __future__ import annotations

from typing import Any, Final

from scripts.history.report import Evidence as Shown
from scripts.scanning.evidence import Evidence
from scripts.scanning.explaining import Unexplained

#: Hunks and files shown to people; the JSON has all.
_MOST_HUNKS: Final = 3
_MOST_FILES: Final = 10

Answer = Evidence | Unexplained | None


def rows(found: Answer) -> list[tuple[str, str]]:
    """The evidence in a sentence, or why there is none, and other files that changed; nothing for no answer."""
    match found:
        case None:
            return []
        case Unexplained():
            return [("evidence", f"none: {found.why}")]
        case Evidence():
            more = f" and {len(found.elsewhere) - _MOST_FILES} more" if len(found.elsewhere) > _MOST_FILES else ""
            told = {"changed": ", ".join(found.elsewhere[:_MOST_FILES]) + more, "note": found.note or ""}
            return [("evidence", found.summary), *((label, value) for label, value in told.items() if value)]


def diffs(*found: Answer) -> list[str]:
    """The most telling hunks, each file's together below its name, and each once."""
    hunks = [hunk for one in found if isinstance(one, Evidence) for hunk in one.shown[:_MOST_HUNKS]]
    by_file: dict[str, list[str]] = {}
    for file, diff in dict.fromkeys((hunk.file, hunk.diff) for hunk in hunks):
        by_file.setdefault(file, []).append(diff)
    return [f"--- a/{file}\n+++ b/{file}\n{''.join(texts)}".rstrip("\n") for file, texts in by_file.items()]


def view(found: Evidence | Unexplained) -> Shown:
    """The evidence as a report has it: what tells most, or why nothing does."""
    match found:
        case Unexplained():
            return Shown(summary=f"none: {found.why}")
        case Evidence():
            summary = "; ".join(filter(None, [found.summary, found.note]))
            files = found.elsewhere or found.differing
            return Shown(summary=summary, hunks=found.shown[:_MOST_HUNKS], files=files, compare=found.compare)


def as_json(found: Answer) -> dict[str, Any] | None:
    """The evidence for machines; a ``problem`` where there is none, null where none was looked for."""
    match found:
        case None:
            return None
        case Unexplained():
            return {"problem": found.why}
        case Evidence():
            plain = {"summary": found.summary, "note": found.note, "compare": found.compare}
            files = {"looked_at": found.looked_at, "differing": found.differing, "elsewhere": found.elsewhere}
            return {**plain, **files, "hunks": [hunk.model_dump() for hunk in found.hunks]}
