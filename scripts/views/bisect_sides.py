"""Two candidates of a bisection side by side: what they are, and what they showed. Pure."""

from __future__ import annotations

from typing import Final

from scripts.bisect import judging
from scripts.bisect.state import State
from scripts.core.text_layout import side_by_side
from scripts.records.signature import Signature, describe_warnings, signature_of

#: The rows of the table, in order.
_ORDER: Final = ("cell", "torch", "result", "outcome", "while", "exception", "message", "warnings", "known")
#: How it is known what a candidate shows, by the origin of the step.
_KNOWN: Final = {"run": "run just now", "recorded": "from its record"}


def sides(state: State, heads: tuple[str, str], places: tuple[int, int], name: str | None, width: int) -> str:
    """What two candidates are and show, in so many columns."""
    told = [_told(state, place, name) for place in places]
    rows = [(label, *(side.get(label, "") for side in told)) for label in _ORDER if any(label in one for one in told)]
    return side_by_side(heads, rows, width)


def _told(state: State, place: int, name: str | None) -> dict[str, str]:
    """What one candidate is and shows, by label."""
    step, cell = state.by_place.get(place), {"cell": state.candidates[place].cell.id}
    if step is None:
        return {**cell, "result": "not probed"}
    torch = step.record.torch if step.record else None
    told = {
        **cell,
        "torch": torch.version + (f", commit {torch.git_version[:12]}" if torch.git_version else "") if torch else "",
        "known": f"from {step.of}, the same commit" if step.of else _KNOWN.get(step.origin, ""),
    }
    what = judging.seen(step.record, name) if name else None
    if what is None or name in step.flaky:
        told["result"] = state.candidates[place].problem or judging.in_words(step, name)
    else:
        told |= _signature(signature_of(what))
    return {label: value for label, value in told.items() if value}


def _signature(seen: Signature) -> dict[str, str]:
    """A signature by label."""
    plain = seen.outcome in {"blocked", "skipped"}
    return {
        "outcome": f"{seen.outcome} {seen.message}" if plain and seen.message else seen.outcome,
        "while": "" if seen.good or plain else seen.phase or "",
        "exception": seen.exception or "",
        "message": "" if plain else seen.message or "",
        "warnings": describe_warnings(seen) if seen.warnings else "",
    }
