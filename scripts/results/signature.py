"""Signatures: an observation in comparable form, and what differs between two. Pure.

Texts are normalised when they are recorded. What belongs to one machine goes (folders, line numbers, addresses,
durations, values of tensors), what belongs to the behaviour stays, and an error that TorchScript's interpreter
wraps is told by its cause.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

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


# --- normalising texts ------------------------------------------------------------------------------------------


def normalise(text: str, *, root: str | None = None) -> str:
    """A text without what is particular to one machine. Doing it twice changes nothing more.

    Args:
        text: a message, raw.
        root: a folder that may stand in it and have spaces in its name, as no other path may.
    """
    text = text.replace("\r\n", "\n")
    if root:
        text = text.replace(root, "/root")
    while True:  # what one rule leaves can be what another looks for
        again = _once(text)
        if again == text:
            return text
        text = again


def _once(text: str) -> str:
    text = _cause(_ANSI.sub("", text))
    text = _without_excerpts(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def _cause(text: str) -> str:
    """What TorchScript's interpreter wraps; its plain RuntimeError is named by the exception already."""
    head = re.match(r"\s*The following operation failed in the TorchScript interpreter\.\s*\n", text)
    if head is None:
        return text
    lines = text[head.end() :].split("\n")
    # The cause follows the last frame, flush left: `RuntimeError: …`. Frames and excerpts are indented.
    starts = [i for i, line in enumerate(lines) if _RAISED.match(line)]
    if not starts:
        return text[head.end() :]
    return re.sub(r"\A(?:builtins\.)?RuntimeError: ", "", "\n".join(lines[starts[0] :]))


_RAISED: Final = re.compile(r"(?!(?:else|try|finally|lambda)\b)[A-Za-z_][\w.]*:(?: |$)")

_FRAME: Final = re.compile(r'\s*File "[^"\n]*", line \d+(?:, in .*)?:?')
_HERE: Final = re.compile(r"\s*[~^]*\s*<--- HERE")
_TRACEBACK: Final = re.compile(r"Traceback(?: of TorchScript)?(?:, (?:serialized|original) code)? \(most recent call.*")
#: Lines of source that an excerpt has at most before the place it points at.
_EXCERPT: Final = 40


def _without_excerpts(text: str) -> str:
    """A text without frames of tracebacks and the source that they quote."""
    lines, kept, at = text.split("\n"), list[str](), 0
    while at < len(lines):
        if _TRACEBACK.fullmatch(lines[at].strip()):
            at += 1
        elif _FRAME.fullmatch(lines[at].rstrip()):
            at = _after_excerpt(lines, at + 1)
        else:
            kept.append(lines[at])
            at += 1
    return "\n".join(kept)


def _after_excerpt(lines: list[str], start: int) -> int:
    """Where a text goes on after the excerpt that begins at ``start``: it is indented, or ends in an arrow."""
    arrow = start
    while arrow < min(len(lines), start + _EXCERPT) and not _FRAME.fullmatch(lines[arrow].rstrip()):
        if _HERE.match(lines[arrow]):
            start = arrow + 1
            break
        arrow += 1
    while start < len(lines) and (lines[start].startswith((" ", "\t"))) and not _FRAME.fullmatch(lines[start].rstrip()):
        start += 1
    return start


def _name(match: re.Match[str]) -> str:
    """A path as everybody has it: from site-packages on, or else the file's name alone."""
    path = match["path"].replace("\\", "/")
    for packages in ("/site-packages/", "/dist-packages/"):
        if packages in path:
            return path.rsplit(packages, 1)[1]
    return path.rstrip("/").rsplit("/", 1)[-1]


#: Absolute paths, not the middle of a URL, a fraction or a relative one.
_PATH: Final = re.compile(
    r"(?P<path>(?<![\w./:%~-])(?:/[\w.+@~%=,-]+){2,}/?|(?<![\w/])[A-Za-z]:[\\/](?:[\w.+@~%=, -]+[\\/])*[\w.+@~%=-]+)"
)
_QUOTED: Final = re.compile(r"""(?<=")(?P<path>/[^"\n]*/[^"\n]*)(?=")|(?<=')(?P<other>/[^'\n]*/[^'\n]*)(?=')""")
_NUMBER: Final = r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)"

_RULES: Final[list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]] = [
    # frames of C++: "frame #3: at::foo() + 0x2f (0x7f… in libtorch.so)"
    (re.compile(r"^frame #\d+: .*\n?", re.MULTILINE), ""),
    (re.compile(r" \(most recent call first\):"), ""),
    # paths: quoted ones may have spaces
    (_QUOTED, lambda m: _name(m) if m["path"] else _name(re.match(r"(?P<path>.*)", m["other"]) or m)),
    (_PATH, _name),
    (re.compile(r"(?<![\w/])(?:\.\./|[\w+.-]+/)+([\w+-]+\.(?:cpp|cc|cu|h|hpp|cuh))\b"), r"\1"),
    # lines: `x.py:12:3`, `"ir.cpp":511`, `x.py, line 12`, `line 12`
    (re.compile(r"(\.(?:pyi?|cpp|cc|cu|cuh|hp?p?)[\"']?):\d+(?::\d+)?"), r"\1"),
    (re.compile(r"(?:, )?\b(?:at )?line \d+\b"), ""),
    # addresses, and counters that tell what ran before
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "0x…"),
    (re.compile(r"___torch_mangle_\d+\."), ""),
    (re.compile(r"\bpid[ =:]+\d+"), "pid …"),
    # durations
    (re.compile(r"\b\d+(?:\.\d+)? ?(s|ms|us|µs|ns|sec|secs|seconds?|milliseconds?|minutes?)\b"), r"… \1"),
    # values of tensors, printed or compared
    (
        re.compile(rf"^(?:\(\d+,\.,\.\) *=?|Columns .*| *{_NUMBER} \*| *{_NUMBER}(?: +{_NUMBER})*) *\n", re.MULTILINE),
        "",
    ),
    (re.compile(r"(Mismatched elements: )\d+ / (\d+) \([\d.]+%\)"), r"\1… / \2"),
    (re.compile(r"(Greatest (?:absolute|relative) difference: )\S+ at index \([\d, ]*\)"), r"\1…"),
    (re.compile(r"((?:Absolute|Relative) difference: )[\d.e+-]+"), r"\1…"),
]
