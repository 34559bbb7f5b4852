"""Evidence as rows of text, as diffs, as JSON and as a part of the report. Pure."""

from __future__ import annotations

from typing import Any, Final

from scripts.explain.changes import Unexplained
from scripts.explain.evidence import Comparison
from scripts.history.report import Evidence

#: Hunks and files shown to people; the JSON has all.
_MAX_HUNKS: Final = 3
_MAX_FILES: Final = 10

#: None: no evidence was looked for.
Explanation = Comparison | Unexplained | None


def rows(explanation: Explanation) -> list[tuple[str, str]]:
    """Return the evidence in a sentence, or the reason why there is none, and other changed files, with labels."""
    match explanation:
        case None:
            return []
        case Unexplained():
            return [("evidence", f"none: {explanation.why}")]
        case Comparison(elsewhere=files):
            more = f" and {len(files) - _MAX_FILES} more" if len(files) > _MAX_FILES else ""
            details = {"changed": ", ".join(files[:_MAX_FILES]) + more, "note": explanation.note or ""}
            return [("evidence", explanation.summary), *((label, text) for label, text in details.items() if text)]


def diffs(*explanations: Explanation) -> list[str]:
    """Return the hunks that explain most, once each, as one diff per file."""
    hunks = [hunk for found in explanations if isinstance(found, Comparison) for hunk in found.shown[:_MAX_HUNKS]]
    by_file: dict[str, list[str]] = {}
    for file, diff in dict.fromkeys((hunk.file, hunk.diff) for hunk in hunks):
        by_file.setdefault(file, []).append(diff)
    return [f"--- a/{file}\n+++ b/{file}\n{''.join(texts)}".rstrip("\n") for file, texts in by_file.items()]


def for_report(explanation: Comparison | Unexplained) -> Evidence:
    """Return the evidence as the report shows it: the hunks that explain most, or the reason why there is none."""
    match explanation:
        case Unexplained():
            return Evidence(summary=f"none: {explanation.why}")
        case Comparison():
            return Evidence(
                summary="; ".join(filter(None, [explanation.summary, explanation.note])),
                hunks=explanation.shown[:_MAX_HUNKS],
                files=explanation.elsewhere or explanation.differing,
                compare=explanation.compare,
            )


def as_json(explanation: Explanation) -> dict[str, Any] | None:
    """Return the evidence for machines: a ``problem`` if there is none, None if none was looked for."""
    match explanation:
        case None:
            return None
        case Unexplained():
            return {"problem": explanation.why}
        case Comparison():
            return {
                "summary": explanation.summary,
                "note": explanation.note,
                "compare": explanation.compare,
                "looked_at": explanation.looked_at,
                "differing": explanation.differing,
                "elsewhere": explanation.elsewhere,
                "hunks": [hunk.model_dump() for hunk in explanation.hunks],
            }
