"""The releases of torch that a suite supports, from its records. Pure.

A release passes on a Python if every test passed, was skipped or failed as expected (xfail), and at least one passed.
Verdicts decide: an observation that raised counts only if its test failed, and a test that asserts a known defect
passes as any other does. A release whose cells differ by build or platform fails. One without a conclusive record is
unknown, which is neither; one that is excluded wherever it has a record is not supported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from typing import Final

from packaging.version import Version

from scripts.config import versions
from scripts.records.essence import essence
from scripts.records.model import Record
from scripts.records.signature import describe, gist, signature_of

_FAILED: Final = frozenset({"failed", "error", "crashed", "timed-out"})
NOT_RECORDED: Final = "not recorded"


class State(Enum):
    """State of a release, from its records."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"
    EXCLUDED = "excluded"


#: The states by their weight.
_ORDER: Final = (State.FAILS, State.PASSES, State.EXCLUDED, State.UNKNOWN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The state of a release on one Python, and its reason: what fails, or why it is unknown."""

    state: State
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """Releases in order with one state and one reason; between them are none with another known state."""

    releases: tuple[str, ...]
    state: State
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Support:
    """The supported releases.

    Attributes:
        pythons: the spans of each Python, in order.
        specifier: admits the stable releases that pass, and no other with a known state; None if none passes.
        states: the state of each stable release over all Pythons; one that fails on any fails.
        admitted: releases of unknown state that the specifier admits.
        rejected: releases of unknown state that it does not admit.
        divided: releases that pass on some Pythons and fail on others, with the Pythons that pass.
        unstable: pre-releases and nightlies with a record, which the specifier is not made for.
    """

    pythons: Mapping[str, tuple[Span, ...]]
    specifier: str | None
    states: Mapping[str, State]
    admitted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    divided: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    unstable: tuple[str, ...] = ()


def build(
    records: Iterable[Record],
    *,
    known: Iterable[str] = (),
    exists: Callable[[str, str], bool] = lambda _release, _python: True,
) -> Support:
    """Return the support that records show.

    Args:
        records: the records of one suite.
        known: releases that exist, recorded or not.
        exists: returns whether a release exists for a Python.
    """
    by_cell: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_cell.setdefault((record.cell.python, record.cell.torch), []).append(record)
    pythons = sorted({python for python, _ in by_cell}, key=versions.python_key)
    releases = sorted({*known, *(release for _, release in by_cell)}, key=versions.version)
    results = {
        python: {
            release: _result(by_cell.get((python, release), []))
            for release in releases
            if (python, release) in by_cell or exists(release, python)
        }
        for python in pythons
    }
    return _support(results, releases)


def _result(records: Sequence[Record]) -> Result:
    """Return the state of a release on one Python from its records of any build and platform."""
    found = [*map(of_record, records), Result(state=State.UNKNOWN, reason=NOT_RECORDED)]
    return min(found, key=lambda result: _ORDER.index(result.state))


def of_record(record: Record) -> Result:
    """Return the result of one record."""
    reason = gist(essence(record.reason.message)) if record.reason else ""
    if record.is_excluded:
        return Result(state=State.EXCLUDED, reason=reason)
    if not record.is_conclusive or record.status == "unavailable":
        return Result(state=State.UNKNOWN, reason=f"{record.status}: {reason}" if reason else record.status)
    if not record.usable:
        return Result(state=State.FAILS, reason=f"{record.status}: {reason}" if reason else record.status)
    failed = [name for name, test in record.tests.items() if test.outcome in _FAILED]
    if failed:
        more = f" (and {len(failed) - 1} more)" if failed[1:] else ""
        what = describe(signature_of(record.tests[failed[0]]))
        return Result(state=State.FAILS, reason=f"{failed[0].rpartition('::')[2]}{more}: {what}")
    if not any(test.outcome == "passed" for test in record.tests.values()):
        return Result(state=State.UNKNOWN, reason="no test passed or failed: all were skipped")
    return Result(state=State.PASSES)


def _support(results: Mapping[str, Mapping[str, Result]], releases: Sequence[str]) -> Support:
    stable = [release for release in releases if not versions.version(release).is_prerelease]
    by_release = {
        release: {python: found[release].state for python, found in results.items() if release in found}
        for release in stable
    }
    states = {release: overall(found.values()) for release, found in by_release.items() if found}
    specifier = specifier_of(states)
    unknown = [release for release, state in states.items() if state is State.UNKNOWN]
    admitted = tuple(release for release in unknown if specifier and versions.matches(release, specifier))
    return Support(
        pythons={python: spans(found) for python, found in results.items()},
        specifier=specifier,
        states=states,
        admitted=admitted,
        rejected=tuple(release for release in unknown if release not in admitted),
        divided={
            release: tuple(python for python, state in found.items() if state is State.PASSES)
            for release, found in by_release.items()
            if {State.PASSES, State.FAILS} <= set(found.values())
        },
        unstable=tuple(
            release for release in releases if release not in by_release and any(release in r for r in results.values())
        ),
    )


def overall(states: Iterable[State]) -> State:
    """Return the state of a release from those of its Pythons: the one that counts most."""
    return min(states, key=_ORDER.index)


def spans(results: Mapping[str, Result]) -> tuple[Span, ...]:
    """Return the spans of one Python; those of unknown releases follow, one for each reason."""
    certain = [(release, result) for release, result in results.items() if result.state is not State.UNKNOWN]
    found = [
        Span(releases=tuple(release for release, _ in members), state=result.state, reason=result.reason)
        for result, members in groupby(certain, key=lambda each: each[1])
    ]
    unknown: dict[str, list[str]] = {}
    for release, result in results.items():
        if result.state is State.UNKNOWN:
            unknown.setdefault(result.reason, []).append(release)
    return (
        *found,
        *(Span(releases=tuple(members), state=State.UNKNOWN, reason=why) for why, members in unknown.items()),
    )


# --- the specifier ------------------------------------------------------------------------------------------------


def specifier_of(states: Mapping[str, State]) -> str | None:
    """Return the specifier that admits the passing releases and no failing or excluded one; None if none passes.

    Releases of unknown state do not change it, except that whole minor releases are named where that is shorter.
    """
    known = sorted((release for release in states if states[release] is not State.UNKNOWN), key=versions.version)
    passing = [number for number, release in enumerate(known) if states[release] is State.PASSES]
    if not passing:
        return None
    first, last = passing[0], passing[-1]
    bounds = [f">={_start(known, first, states)}"]
    if last + 1 < len(known):
        bounds.append(f"<{_start(known, last + 1, states)}")
    holes = [release for release in known[first:last] if states[release] is not State.PASSES]
    return ",".join([bounds[0], *dict.fromkeys(_hole(release, known, states) for release in holes), *bounds[1:]])


def _start(known: Sequence[str], number: int, states: Mapping[str, State]) -> str:
    """Return a bound before a release: its minor release, if that comes after all known releases before it."""
    release = known[number]
    minor = _minor(release)
    before = [each for each in states if versions.version(each) < versions.version(release)]
    return minor if all(versions.version(each) < versions.version(minor) for each in before) else release


def _hole(release: str, known: Sequence[str], states: Mapping[str, State]) -> str:
    """Return the clause that rejects a release: for its whole minor release if none of that passes."""
    members = [each for each in known if _minor(each) == _minor(release)]
    alone = any(states[each] is State.PASSES for each in members)
    return f"!={release}" if alone else f"!={_minor(release)}.*"


def _minor(release: str) -> str:
    parsed: Version = versions.version(release)
    return f"{parsed.epoch}!{parsed.major}.{parsed.minor}" if parsed.epoch else f"{parsed.major}.{parsed.minor}"
