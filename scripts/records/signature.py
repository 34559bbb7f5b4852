"""Signatures: observations in comparable form, their differences, and both as text. Pure.

Texts are normalised when they are recorded, see `scripts.records.messages`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from scripts.core.escaping import visible
from scripts.records.essence import essence
from scripts.records.model import Observation, Record, Test

#: The parts of a signature that can differ.
Aspect = Literal["outcome", "phase", "exception", "message", "warnings"]

#: Kinds of change.
Class = Literal[
    "fixed", "broken", "different failure", "warning added", "warning changed", "warning gone", "other behaviour"
]

#: Outcomes of observations and tests that do not count as failure.
GOOD: Final = frozenset({"returned", "passed"})
#: Outcomes of observations and tests that reached nothing.
UNREACHED: Final = frozenset({"blocked", "skipped"})

#: Kinds of change, as shown, of what was blocked or skipped before.
AVAILABLE: Final = "available"
REACHED: Final = "now reached"
#: Kinds of change, as shown, of a test that asserts a known defect.
DEFECT: Final = "known defect"
NO_DEFECT: Final = "no longer the known defect"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
    """An observation or verdict without details of one machine, folder or line."""

    outcome: str
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()  # category and text

    @property
    def good(self) -> bool:
        """True if nothing failed; warnings do not count as failure."""
        return self.outcome in GOOD


def signature_of(observed: Observation | Test) -> Signature:
    """Return the signature of an observation, or of a test's verdict."""
    message = observed.message
    if isinstance(observed, Observation) and observed.outcome in {"blocked", "skipped"}:
        message = f"by {observed.blocked_by}" if observed.outcome == "blocked" else observed.why
    return Signature(
        outcome=observed.outcome,
        phase=observed.phase,
        exception=observed.exception,
        bases=observed.bases,
        message=message,
        warnings=tuple((warning.category, warning.message) for warning in observed.warnings),
    )


def signatures(record: Record) -> dict[str, Signature]:
    """Return the signatures of a record by name: observations, then tests."""
    observed: dict[str, Observation | Test] = {**record.observations, **record.tests}
    return {name: signature_of(result) for name, result in observed.items()}


def differences(before: Signature, after: Signature) -> tuple[Aspect, ...]:
    """Return the aspects in which two signatures differ."""
    sides: dict[Aspect, tuple[object, object]] = {
        "outcome": (before.outcome, after.outcome),
        "phase": (before.phase, after.phase),
        "exception": ((before.exception, before.bases), (after.exception, after.bases)),
        "message": (before.message, after.message),
        "warnings": (before.warnings, after.warnings),
    }
    return tuple(aspect for aspect, (old, new) in sides.items() if old != new)


def classify(before: Signature, after: Signature) -> Class:
    """Return the kind of change from one signature to another."""
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


def shown_kind(before: Signature, after: Signature, known_defect: str | None = None) -> str:
    """Return the kind of change as people read it.

    What was blocked or skipped before was neither broken nor good, and a test that asserts a known defect mends nothing
    by passing.
    """
    if known_defect and before.good != after.good:
        return DEFECT if after.good else NO_DEFECT
    if before.outcome in UNREACHED and after.outcome not in UNREACHED:
        return AVAILABLE if after.good else REACHED
    return classify(before, after)


def shown_change(kind: str, what: str) -> str:
    """Return a kind of change and what changed as one phrase."""
    return f"{kind} {what}" if kind == AVAILABLE else f"{kind}: {what}"


def blocker(signature: Signature) -> str | None:
    """Return the name of the observation that blocked this one, or None."""
    return (signature.message or "").removeprefix("by ") if signature.outcome == "blocked" else None


def short(name: str) -> str:
    """Return the last part of a dotted name; names like torch.jit.Error stay whole, since Error alone is too vague."""
    last = name.rpartition(".")[2]
    return name if last in {"Error", "Exception", "Warning"} and "builtins" not in name else last


def first_line(text: str) -> str:
    """Return the first line of a message, without a colon that introduced something that normalising removed."""
    return text.strip().partition("\n")[0].rstrip(" :")


def gist(text: str) -> str:
    """Return the first sentence of a message, at most about 120 characters; an ellipsis marks an omission."""
    start = _cut(_first_sentence(first_line(text)))
    return start if start.rstrip(":") == text.strip().rstrip(" :") else f"{start.rstrip('.')}…"


#: Characters of a message that are shown on a line, and those of them before the distinguishing part.
_MAX_LENGTH: Final = 120
_LEAD: Final = 40
#: Minimum characters of a first sentence.
_MIN_LENGTH: Final = 20

_END: Final = re.compile(r"""[.!?]["')\]]*(?= +["'(`]?[A-Z])""")
_NO_END: Final = ("..", "e.g.", "i.e.", "cf.", "vs.", "etc.")


def _first_sentence(line: str) -> str:
    for match in _END.finditer(line, _MIN_LENGTH):
        if not line.endswith(_NO_END, 0, match.start() + 1):
            return line[: match.end()]
    return line


def _cut(text: str) -> str:
    """Return a text of bounded length that ends with a whole word."""
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH].rpartition(" ")[0] or text[:_MAX_LENGTH]


def _common_length(first: str, second: str) -> int:
    """Return the length of the longest common start of two texts."""
    shorter = min(len(first), len(second))
    return next((index for index in range(shorter) if first[index] != second[index]), shorter)


def distinguishing_part(text: str, opposite: str) -> str:
    """Return the gist of a message, or, if another message has the same gist, the part in which they differ."""
    line, opposite_line = " ".join(text.split()), " ".join(opposite.split())
    same = _common_length(line, opposite_line)
    shortest_gist = min(len(gist(side).rstrip("…")) for side in (line, opposite_line))
    if not opposite_line or line == opposite_line or same < shortest_gist:
        return gist(text)
    start = line.find(" ", same - _LEAD) + 1 if same > _LEAD else 0
    start = start if 0 < start <= same else max(0, same - _LEAD)
    shown = _cut(line[start:])
    return f"{'…' if start else ''}{shown}{'…' if start + len(shown) < len(line) else ''}"


def describe(signature: Signature, *, whole: bool = False) -> str:
    """Return a signature in a few words: ``UnsupportedNodeError 'GeneratorExp aren't supported' when compiling``.

    ``whole`` gives its texts in full.
    """
    text = _describe_outcome(_essential(signature), whole=whole)
    return f"{text}, with {describe_warnings(signature, whole=whole)}" if signature.warnings else text


def _essential(signature: Signature) -> Signature:
    """Return a signature with only the exception of a longer output of pytest as its message."""
    if signature.exception or not signature.message or signature.outcome not in {"error", "failed"}:
        return signature
    return dataclasses.replace(signature, message=essence(signature.message))


def _describe_outcome(signature: Signature, *, whole: bool) -> str:
    message = _shown(signature.message or "", whole=whole)
    match signature.outcome:
        case "raised" | "failed" | "error" if signature.exception or signature.message:
            name = visible(short(signature.exception or signature.outcome))
            text = f"{name} '{message}'" if message else name
        case "blocked":
            return f"blocked {message}"
        case "returned" if signature.message:
            return f"returned '{message}'"
        case "skipped" if signature.message:
            return f"skipped: {message}"
        case outcome:
            text = outcome
    return f"{text} when {signature.phase}" if signature.phase and not signature.good else text


def describe_warnings(signature: Signature, *, whole: bool = False) -> str:
    """Return the warnings of a signature in a few words, or ``no warning``."""
    texts = [f"{visible(short(category))} '{_shown(text, whole=whole)}'" for category, text in signature.warnings]
    return " and ".join(texts) if texts else "no warning"


def _shown(text: str, *, whole: bool) -> str:
    return visible(" ".join(text.split()) if whole else gist(text))


def describe_change(old: Signature, new: Signature) -> str:
    """Return a change in a few words, both sides joined by an arrow; see `describe_sides`."""
    return " → ".join(describe_sides(old, new))


def describe_sides(old: Signature, new: Signature) -> tuple[str, str]:
    """Return two signatures in a few words, without what they share; different ones never get the same text."""
    short_old, short_new = _essential(old), _essential(new)
    for before, after in ((_distinguished(short_old, short_new), _distinguished(short_new, short_old)), (old, new)):
        if differences(old, new) == ("warnings",):
            sides = describe_warnings(before, whole=True), describe_warnings(after, whole=True)
        elif old.warnings == new.warnings:
            sides = _describe_outcome(before, whole=True), _describe_outcome(after, whole=True)
        else:
            sides = describe(before, whole=True), describe(after, whole=True)
        if sides[0] != sides[1]:
            return sides
    return _exactly(old, differences(old, new)), _exactly(new, differences(old, new))


def describe_among(signature: Signature, others: Iterable[Signature]) -> str:
    """Return a signature in a few words that distinguish it from the others in a list."""
    signature, others = _essential(signature), map(_essential, others)
    message = signature.message or ""
    alike = [known for known in others if known.message and known.message[:_MIN_LENGTH] == message[:_MIN_LENGTH]]
    different = [known for known in alike if known.message != message]
    nearest = max(different, key=lambda known: _common_length(message, known.message or ""), default=signature)
    return describe(_distinguished(signature, dataclasses.replace(nearest, warnings=signature.warnings)), whole=True)


def _distinguished(signature: Signature, opposite: Signature) -> Signature:
    """Return a signature with its texts shortened to the parts that differ from those of another."""
    texts = [*(text for _, text in opposite.warnings), *([""] * len(signature.warnings))]
    return dataclasses.replace(
        signature,
        message=None if signature.message is None else distinguishing_part(signature.message, opposite.message or ""),
        warnings=tuple(
            (category, distinguishing_part(text, counterpart))
            for (category, text), counterpart in zip(signature.warnings, texts, strict=False)
        ),
    )


def _exactly(signature: Signature, aspects: Sequence[Aspect]) -> str:
    """Return some aspects of a signature in full, for sides whose texts are equal although, say, their bases differ."""
    values = {**vars(signature), "exception": (signature.exception, *signature.bases)}
    return visible(" and ".join(f"{aspect} {values[aspect]!r}" for aspect in aspects))
