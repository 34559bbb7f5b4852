"""Signatures: an observation in comparable form, and what differs between two. Pure.

Texts are normalised when they are recorded, see `scripts.records.messages`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from scripts.core.escaping import visible
from scripts.records.messages import normalise as normalise  # noqa: PLC0414 - also for those who record
from scripts.records.model import Observation, Raised, Record, Test

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
    start = _cut(_first_sentence(first_line(text)))
    return start if start.rstrip(":") == text.strip().rstrip(" :") else f"{start.rstrip('.')}…"


#: Characters of a message that are shown in a line of text, and of what stands before the part that matters.
_LONGEST: Final = 120
_LEAD: Final = 40
#: Characters that a first sentence has at least.
_SHORTEST: Final = 20

_END: Final = re.compile(r"""[.!?]["')\]]*(?= +["'(`]?[A-Z])""")
_NO_END: Final = ("..", "e.g.", "i.e.", "cf.", "vs.", "etc.")


def _first_sentence(line: str) -> str:
    for match in _END.finditer(line, _SHORTEST):
        if not line.endswith(_NO_END, 0, match.start() + 1):
            return line[: match.end()]
    return line


def _cut(text: str) -> str:
    """A text of bounded length that ends with a whole word."""
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def telling_part(text: str, other: str) -> str:
    """The gist of a message, or, where that doesn't tell it from another message, the part that does."""
    one, two = " ".join(text.split()), " ".join(other.split())
    same = _common(one, two)
    if not two or one == two or same < min(len(gist(side).rstrip("…")) for side in (one, two)):
        return gist(text)
    start = one.find(" ", same - _LEAD) + 1 if same > _LEAD else 0
    start = start if 0 < start <= same else max(0, same - _LEAD)
    shown = _cut(one[start:])
    return f"{'…' if start else ''}{shown}{'…' if start + len(shown) < len(one) else ''}"


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
    """What became what, in a few words: see `describe_sides`."""
    return " → ".join(describe_sides(old, new))


def describe_sides(old: Signature, new: Signature) -> tuple[str, str]:
    """Two signatures in a few words, without what is the same; two different ones never read alike."""
    for before, after in ((_beside(old, new), _beside(new, old)), (old, new)):
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
    """A signature in a few words that tell it from others, with which it stands in a list."""
    message = signature.message or ""
    alike = [other for other in others if other.message and other.message[:_SHORTEST] == message[:_SHORTEST]]
    different = [other for other in alike if other.message != message]
    nearest = max(different, key=lambda other: _common(message, other.message or ""), default=signature)
    return describe(_beside(signature, dataclasses.replace(nearest, warnings=signature.warnings)), whole=True)


def _beside(one: Signature, other: Signature) -> Signature:
    """A signature with its texts shortened to what tells them from those of another."""
    texts = [*(text for _, text in other.warnings), *([""] * len(one.warnings))]
    return dataclasses.replace(
        one,
        message=None if one.message is None else telling_part(one.message, other.message or ""),
        warnings=tuple(
            (category, telling_part(text, counterpart))
            for (category, text), counterpart in zip(one.warnings, texts, strict=False)
        ),
    )


def _exactly(signature: Signature, aspects: Sequence[Aspect]) -> str:
    """Some aspects of a signature, for sides that read alike otherwise: they differ in bases, say."""
    said = {**vars(signature), "exception": (signature.exception, *signature.bases)}
    return visible(" and ".join(f"{aspect} {said[aspect]!r}" for aspect in aspects))


def failure(seen: Raised) -> str:
    """Type and first line of what was raised, for one line of text."""
    return ": ".join(filter(None, [seen.exception, first_line(seen.message or "")]))
