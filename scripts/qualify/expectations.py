"""Expected changes: which findings they allow, and which of them are obsolete. Pure."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence

from scripts.config import versions
from scripts.config.model import Expected
from scripts.qualify import comparing
from scripts.qualify.comparing import UNKNOWN
from scripts.qualify.model import CellPair, Expectation, ExpectationStatus, Finding


def label(name: str) -> str:
    """Return a name for people: that of a test without its file."""
    return name.rpartition("::")[2]


def allowed(finding: Finding, active: Iterable[Expected]) -> Finding:
    """Return the finding as an expected one if it matches an active expectation, else unchanged."""
    expected = next((expected for expected in active if matches(expected, finding)), None)
    if expected is None:
        return finding
    return finding.model_copy(update={"effect": "expected", "reason": expected.reason, "link": expected.link})


def matches(expected: Expected, finding: Finding) -> bool:
    """Return whether a finding is the expected change; flaky and unavailable ones never are."""
    if finding.before is None or finding.after is None or finding.category in UNKNOWN:
        return False
    return (
        _is_about(expected, finding.name)
        and re.search(expected.from_, finding.before) is not None
        and re.search(expected.to, finding.after) is not None
    )


def _is_about(expected: Expected, name: str) -> bool:
    return any(fnmatch.fnmatchcase(spelling, expected.observation) for spelling in (name, label(name)))


def outcomes(
    pairs: Sequence[CellPair],
    findings: Mapping[str, Sequence[Finding]],
    expected_changes: Iterable[Expected],
    *,
    candidate: str,
    baseline: str,
    today: dt.date,
) -> list[Expectation]:
    """Return the outcome of each expected change; ``findings`` are by the pair's id.

    A change is due if its releases include the candidate and not the baseline: then it must happen in all pairs that
    can show it.
    """
    results = []
    for expected in expected_changes:
        applies = versions.matches(candidate, expected.releases)
        happened = [p.id for p in pairs if applies and any(matches(expected, f) for f in findings[p.id])]
        observed = [p.id for p in pairs if comparing.is_compared(p) and _is_observed(expected, p, findings[p.id])]
        status, where = _status(
            expected,
            due=applies and not versions.matches(baseline, expected.releases),
            today=today,
            happened=happened,
            failed=[pair for pair in observed if pair not in happened],
        )
        data = expected.model_dump(include={"observation", "releases", "reason", "link", "expires"})
        results.append(Expectation(**data, status=status, pairs=tuple(where)))
    return results


def _status(
    expected: Expected, *, due: bool, today: dt.date, happened: list[str], failed: list[str]
) -> tuple[ExpectationStatus, list[str]]:
    """Return the outcome of an expected change, and the pairs it was seen in."""
    if expected.expires <= today:
        return "expired", happened
    if due and failed:
        return "did not happen", failed
    if happened:
        return "happened", happened
    return ("could not be checked" if due else "not due"), []


def _is_observed(expected: Expected, pair: CellPair, findings: Iterable[Finding]) -> bool:
    """Return whether both sides show the observation; one that neither side knows counts, as it can never happen."""
    if any(_is_about(expected, finding.name) and finding.category in UNKNOWN for finding in findings):
        return False
    baseline, candidate = (
        {name for sample in side for name in comparing.signatures(sample.record) if _is_about(expected, name)}
        for side in (pair.baseline, pair.candidate)
    )
    return bool(baseline & candidate) or not (baseline or candidate)


def describe(expectation: Expectation) -> str:
    """Return what is wrong with an expectation that needs attention."""
    if expectation.status == "expired":
        return f"expired on {expectation.expires}: remove it from matrix.toml, or renew it"
    return f"expected for {expectation.releases}, but did not happen"
