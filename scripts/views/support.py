"""The supported releases of torch: as text for a maintainer, and as a badge."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scripts.config import versions
from scripts.core.escaping import visible
from scripts.history.support import Span, State, Support

#: Releases that are listed one by one; more are told by their number and ends.
_LISTED: Final = 4


def text(support: Support, *, width: int = 80) -> str:
    """Return the specifier, the spans of each Python, and what the specifier does not say."""
    lines = [f"torch{support.specifier}" if support.specifier else "no release of torch passes on every Python"]
    for python, found in support.pythons.items():
        lines += ["", f"Python {python}", *_python(found, width)]
    notes = list(_notes(support))
    if notes:
        lines += ["", *(line for note in notes for line in textwrap.wrap(note, width, subsequent_indent="  "))]
    return "\n".join(lines) + "\n"


def badge(support: Support) -> str:
    """Return the JSON of a shields.io endpoint badge."""
    message = support.specifier or ("none passes" if State.FAILS in support.states.values() else "unknown")
    content = {"schemaVersion": 1, "label": "torch", "message": message, "color": _color(support)}
    return json.dumps(content, indent=2) + "\n"


def _color(support: Support) -> str:
    """Return green if the newest release with a known state passes, orange if it does not."""
    certain = [state for state in support.states.values() if state is not State.UNKNOWN]
    if not certain:
        return "lightgrey"
    if support.specifier is None:
        return "red"
    return "brightgreen" if certain[-1] is State.PASSES else "orange"


def _python(found: Sequence[Span], width: int) -> Iterator[str]:
    column = max((len(_range(span)) for span in found if span.state is not State.UNKNOWN), default=0)
    for span in found:
        if span.state is State.UNKNOWN:
            listed = _listed(span.releases)
            yield from textwrap.wrap(
                f"unknown   {listed}: {visible(span.reason)}", width, initial_indent="  ", subsequent_indent=" " * 12
            )
        else:
            line = f"  {span.state.value:<8}  {_range(span):<{column}}  {visible(' '.join(span.reason.split()))}"
            yield _shortened(line.rstrip(), width)


def _notes(support: Support) -> Iterator[str]:
    for release, pythons in support.divided.items():
        yield f"{release} passes only on Python {', '.join(pythons)}; the specifier does not admit it."
    if support.admitted:
        yield f"Unknown, and admitted by the specifier: {_listed(support.admitted)}."
    if support.rejected and support.specifier:
        yield f"Unknown, and not admitted by the specifier: {_listed(support.rejected)}."
    if support.unstable:
        yield f"Not considered for the specifier, as pre-releases: {_listed(support.unstable)}."


def _range(span: Span) -> str:
    return span.releases[0] if len(span.releases) == 1 else f"{span.releases[0]} – {span.releases[-1]}"


def _listed(releases: Iterable[str]) -> str:
    """Return releases one by one, or the number of them with the first and the last."""
    ordered = sorted(releases, key=versions.version)
    if len(ordered) <= _LISTED:
        return ", ".join(ordered)
    return f"{len(ordered)} releases from {ordered[0]} to {ordered[-1]}"


def _shortened(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
