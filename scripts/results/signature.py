"""Signatures: an observation in comparable form, and what differs between two. Pure.

Texts are normalised when they are recorded, see `scripts.records.normalising`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Final, Literal

from scripts.records.normalising import normalise as normalise  # noqa: PLC0414 - also for those who record
from scripts.results.records import Observation, Raised, Record, Test
from scripts.texts import visible

#: What a change is about.
Aspect = Literal["outcome", "phase", "exception", "message", "warnings"]

#: What a change means.
Class = Literal[
    "fixed", "broken", "different failure", "warning added", "warning changed", "warning gone", "other behaviour"
]

#: Outcomes of observations and tests that are no failure.
GOOD: Final = frozenset({"returned", "passed"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
    """What was seen, without what is particular to one machine, folder or line."""

    outcome: str
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()  # category and text

    @property
    def good(self) -> bool:
        """Whether nothing failed; warnings are no failure."""
        return self.outcome in GOOD


def signature_of(seen: Observation | Test) -> Signature:
    """The signature of an observation, or of a test's verdict."""
    message = seen.message
    if isinstance(seen, Observation) and seen.outcome in {"blocked", "skipped"}:
        message = f"by {seen.blocked_by}" if seen.outcome == "blocked" else seen.why
    return Signature(
        outcome=seen.outcome,
        phase=seen.phase,
        exception=seen.exception,
        bases=seen.bases,
        message=message,
        warnings=tuple((warning.category, warning.message) for warning in seen.warnings),
    )


def signatures(record: Record) -> dict[str, Signature]:
    """All signatures of a record by name: observations, then tests."""
    seen: dict[str, Observation | Test] = {**record.observations, **record.tests}
    return {name: signature_of(one) for name, one in seen.items()}


def differences(before: Signature, after: Signature) -> tuple[Aspect, ...]:
    """What differs between two signatures; nothing if they are equal."""
    sides: dict[Aspect, tuple[object, object]] = {
        "outcome": (before.outcome, after.outcome),
        "phase": (before.phase, after.phase),
        "exception": ((before.exception, before.bases), (after.exception, after.bases)),
        "message": (before.message, after.message),
        "warnings": (before.warnings, after.warnings),
    }
    return tuple(aspect for aspect, (old, new) in sides.items() if old != new)


def classify(before: Signature, after: Signature) -> Class:
    """What it means that one signature became another."""
    if before.good != after.good:
        return "fixed" if after.good else "broken"
    changed = set(differences(before, after))
    if not before.good and changed - {"warnings"}:
        return "different failure"
    if changed == {"warnings"}:
        if set(before.warnings) < set(after.warnings):
            return "warning added"
        return "warning gone" if set(after.warnings) < set(before.warnings) else "warning changed"
    return "other behaviour"


def short(name: str) -> str:
    """A dotted name's last part; torch.jit.Error stays whole, for Error alone says nothing."""
    last = name.rpartition(".")[2]
    return name if last in {"Error", "Exception", "Warning"} and "builtins" not in name else last


def first_line(text: str) -> str:
    """The first line of a message, without the colon that introduced what normalising took away."""
    return text.strip().partition("\n")[0].rstrip(" :")


def gist(text: str) -> str:
    """The first sentence of a message, and at most some 120 characters of it; an ellipsis tells of more."""
    found = re.match(r".{20,}?[.!?](?= )|.*", first_line(text))
    start = found[0] if found else ""
    if len(start) > _LONGEST:
        start = start[:_LONGEST].rpartition(" ")[0] or start[:_LONGEST]
    return start if start.rstrip(":") == text.strip().rstrip(" :") else f"{start.rstrip('.')}…"


_LONGEST: Final = 120


def describe(signature: Signature, *, whole: bool = False) -> str:
    """In a few words: ``UnsupportedNodeError 'GeneratorExp aren't supported' when compiling``; ``whole``, in full."""
    text = _describe_outcome(signature, whole=whole)
    return f"{text}, with {describe_warnings(signature, whole=whole)}" if signature.warnings else text


def _describe_outcome(signature: Signature, *, whole: bool) -> str:
    said = _said(signature.message or "", whole=whole)
    match signature.outcome:
        case "raised" | "failed" | "error" if signature.exception or signature.message:
            what = visible(short(signature.exception or signature.outcome))
            text = f"{what} '{said}'" if said else what
        case "blocked":
            return f"blocked {said}"
        case "skipped" if signature.message:
            return f"skipped: {said}"
        case outcome:
            text = outcome
    return f"{text} when {signature.phase}" if signature.phase and not signature.good else text


def describe_warnings(signature: Signature, *, whole: bool = False) -> str:
    """The warnings of a signature in a few words, or ``no warning``."""
    said = [f"{visible(short(category))} '{_said(text, whole=whole)}'" for category, text in signature.warnings]
    return " and ".join(said) if said else "no warning"


def _said(text: str, *, whole: bool) -> str:
    return visible(" ".join(text.split()) if whole else gist(text))


def describe_change(old: Signature, new: Signature) -> str:
    """What became what, in a few words, without what stayed the same; two different sides never read alike."""
    only_warnings = differences(old, new) == ("warnings",)
    same_warnings = old.warnings == new.warnings
    for whole in (False, True):
        if only_warnings:
            sides = [describe_warnings(side, whole=whole) for side in (old, new)]
        elif same_warnings:
            sides = [_describe_outcome(side, whole=whole) for side in (old, new)]
        else:
            sides = [describe(side, whole=whole) for side in (old, new)]
        if sides[0] != sides[1]:
            return " → ".join(sides)
    return " → ".join(_exactly(side, differences(old, new)) for side in (old, new))


def _exactly(signature: Signature, aspects: Sequence[Aspect]) -> str:
    """Some aspects of a signature, for sides that read alike otherwise: they differ in bases, say."""
    said = {**vars(signature), "exception": (signature.exception, *signature.bases)}
    return visible(" and ".join(f"{aspect} {said[aspect]!r}" for aspect in aspects))


def failure(seen: Raised) -> str:
    """Type and first line of what was raised, for one line of text."""
    return ": ".join(filter(None, [seen.exception, first_line(seen.message or "")]))
