"""Expected changes: which change is one, and what became of each, so that the list of them can't rot. Pure."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from scripts.matrix import cells
from scripts.matrix.config import Expected
from scripts.qualify import comparing
from scripts.qualify.comparing import Change
from scripts.qualify.model import Expectation, Lane
from scripts.results.signature import describe

Status = Literal["happened", "did not happen", "could not be checked", "expired", "not due"]

#: Categories that don't say what the candidate shows.
UNKNOWN: Final = frozenset({"flaky", "unavailable"})


def label(name: str) -> str:
    """A name for people: of a test without its file."""
    return name.rpartition("::")[2]


def meets(expected: Expected, change: Change) -> bool:
    """Whether a change is the expected one. What is flaky or couldn't be seen never is."""
    if change.before is None or change.after is None or change.category in UNKNOWN:
        return False
    texts = describe(change.before, whole=True), describe(change.after, whole=True)
    return (
        _names(expected, change.name)
        and re.search(expected.from_, texts[0]) is not None
        and re.search(expected.to, texts[1]) is not None
    )


def _names(expected: Expected, name: str) -> bool:
    return any(fnmatch.fnmatchcase(one, expected.observation) for one in (name, label(name)))


def outcomes(
    lanes: Sequence[Lane],
    changed: Mapping[str, Sequence[Change]],
    expected: Iterable[Expected],
    *,
    candidate: str,
    baseline: str,
    today: dt.date,
) -> list[Expectation]:
    """What became of each expected change.

    One is due if its releases hold the candidate and not the baseline: then all lanes that can show it must.
    """
    found = []
    for one in expected:
        applies = cells.matches(candidate, one.releases)
        due = applies and not cells.matches(baseline, one.releases)
        happened = [lane.id for lane in lanes if applies and any(meets(one, change) for change in changed[lane.id])]
        looked = [lane.id for lane in lanes if comparing.is_compared(lane) and _observed(one, lane, changed[lane.id])]
        failed = [lane for lane in looked if lane not in happened]
        status, where = _status(one, due=due, today=today, happened=happened, failed=failed)
        data = one.model_dump(include={"observation", "releases", "reason", "link", "expires"})
        found.append(Expectation(**data, status=status, lanes=tuple(where)))
    return found


def _status(
    one: Expected, *, due: bool, today: dt.date, happened: list[str], failed: list[str]
) -> tuple[Status, list[str]]:
    """What became of an expected change, and in which lanes."""
    if one.expires <= today:
        return "expired", happened
    if due and failed:
        return "did not happen", failed
    if happened:
        return "happened", happened
    return ("could not be checked" if due else "not due"), []


def _observed(one: Expected, lane: Lane, changes: Iterable[Change]) -> bool:
    """Whether both sides of a lane show what an expectation is about; by a name that nobody knows it never happens."""
    if any(_names(one, change.name) and change.category in UNKNOWN for change in changes):
        return False
    sides = [
        {name for seen in side for name in comparing.shown(seen.record) if _names(one, name)}
        for side in (lane.baseline, lane.candidate)
    ]
    return bool(sides[0] & sides[1]) or not (sides[0] or sides[1])


def text(one: Expectation) -> str:
    """What is wrong with an expectation that has to be looked at again."""
    if one.status == "expired":
        return f"expired on {one.expires}: remove it from matrix.toml, or renew it"
    return f"expected for {one.releases}, and did not happen"
