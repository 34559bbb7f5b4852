"""Compare candidate and baseline of one pair of cells, each over all its samples. Pure.

A side whose own samples differ is flaky, which is no evidence about torch. Installing and importing torch is compared
like an observation, under the name `INSTALL_AND_IMPORT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scripts.config.model import Qualify, SlowImport
from scripts.config.policy import Category, Effect
from scripts.qualify.model import CellPair, Finding, Sample
from scripts.records.model import Record
from scripts.records.signature import GOOD, Signature, classify, describe, describe_change, signature_of

INSTALL_AND_IMPORT: Final = "install-and-import"
IMPORT_TIME: Final = "import-time"

#: Categories that leave open what the candidate does.
UNKNOWN: Final = frozenset({"flaky", "unavailable"})

_PHASES: Final = {
    "interpreter": "starting",
    "resolve": "resolving",
    "download": "installing",
    "install": "installing",
    "import": "importing",
    "run": "starting the tests",
    "internal": "running",
}
#: Failures that torch does not cause, by kind, and stages whose timeouts it does not cause.
_NOT_TORCH: Final = frozenset({"system error", "resolving failed", "no probes"})
_NOT_TORCH_WHEN_SLOW: Final = frozenset({"interpreter", "resolve", "download", "install"})


def effect(category: Category, policy: Qualify) -> Effect:
    """Return the effect that the policy gives to a category."""
    if category in policy.block:
        return "blocks"
    return "warns" if category in policy.warn else "noted"


# --- what a pair can show -----------------------------------------------------------------------------------------


def describes_torch(record: Record) -> bool:
    """Return whether a record's outcome is due to torch: a broken wheel is, an unreachable index is not."""
    if record.usable or record.reason is None:
        return record.usable
    slow = record.reason.kind == "timed out" and record.reason.stage in _NOT_TORCH_WHEN_SLOW
    elsewhere = slow or record.reason.stage == "internal"
    return record.status != "unavailable" and record.reason.kind not in _NOT_TORCH and not elsewhere


def problem(side: Sequence[Sample]) -> str | None:
    """Return why one side of a pair shows nothing about torch; None if it does."""
    if any(describes_torch(sample.record) for sample in side):
        return None
    reason = side[0].record.reason if side else None
    return f"{reason.kind}: {reason.message}" if reason else "nothing was run"


def is_compared(pair: CellPair) -> bool:
    """Return whether the candidate was tested and the baseline works, so that both can be compared."""
    tested = any(describes_torch(sample.record) for sample in pair.candidate)
    usable = any(sample.record.usable for sample in pair.baseline)
    return tested and usable and not same_wheel(pair)


def same_wheel(pair: CellPair) -> bool:
    """Return whether both sides tested the same file, so that comparing them proves nothing."""
    candidate, baseline = (
        {sample.record.wheel.sha256 for sample in side if sample.record.wheel}
        for side in (pair.candidate, pair.baseline)
    )
    return bool(candidate) and candidate == baseline and "" not in candidate


def cell_signature(record: Record) -> Signature:
    """Return installing and importing torch as a signature."""
    if record.reason is None:
        return Signature(outcome="returned")
    reason = record.reason
    outcome = record.status if record.status in {"crashed", "timed-out"} else "failed"
    message = reason.kind if outcome == "crashed" else f"{reason.kind}: {reason.message}"
    return Signature(outcome=outcome, phase=_PHASES[reason.stage], message=message)


def signatures(record: Record) -> dict[str, Signature]:
    """Return the compared signatures of a record: the cell, its observations, and tests without observations."""
    if not describes_torch(record):
        return {}
    found = {INSTALL_AND_IMPORT: cell_signature(record)}
    if not record.usable:
        return found
    observing = {observation.test for observation in record.observations.values()}
    found |= {name: signature_of(observation) for name, observation in record.observations.items()}
    return found | {name: signature_of(test) for name, test in record.tests.items() if name not in observing}


def stable_signatures(side: Iterable[Sample]) -> dict[str, Signature]:
    """Return the signatures that are the same in all samples of a side."""
    values = _distinct(signatures(sample.record) for sample in side)
    return {name: found[0] for name, found in values.items() if len(found) == 1}


# --- findings -----------------------------------------------------------------------------------------------------


def findings(pair: CellPair, policy: Qualify) -> list[Finding]:
    """Return the differences of a pair, in the order of the tests; confirmed if each side ran often enough."""
    samples = [sum(describes_torch(s.record) for s in side) for side in (pair.candidate, pair.baseline)]
    confirmed = min(samples) >= policy.runs
    found = [
        finding.model_copy(update={"confirmed": confirmed and finding.category != "flaky"})
        for finding in _behaviour(pair, policy)
    ]
    return [*found, *_slow_import(pair, policy)]


def differs(pair: CellPair, policy: Qualify) -> bool:
    """Return whether anything but the import time differs in a pair."""
    return bool(_behaviour(pair, policy))


def _behaviour(pair: CellPair, policy: Qualify) -> list[Finding]:
    """Return differences between the sides, and within one side."""
    candidate, baseline = _by_run(pair.candidate, pair.baseline), _by_run(pair.baseline, pair.candidate)
    if not candidate or not baseline or same_wheel(pair):
        return []
    before, after = _distinct(baseline), _distinct(candidate)
    compared = (_finding(pair, policy, name, before.get(name, ()), after.get(name, ())) for name in before | after)
    return _without_consequences([finding for finding in compared if finding], before, after)


def _by_run(side: Sequence[Sample], opposite: Sequence[Sample]) -> list[dict[str, Signature]]:
    """Return the signatures of each run; an observation that is missing since its test failed has the test's."""
    tests_of = {
        name: observation.test
        for sample in (*side, *opposite)
        for name, observation in sample.record.observations.items()
        if observation.test is not None
    }
    runs = []
    for sample in side:
        tests = sample.record.tests
        values = signatures(sample.record)
        missing = {
            name: signature_of(tests[test])
            for name, test in tests_of.items()
            if name not in values and test in tests and tests[test].outcome not in GOOD
        }
        values = {name: value for name, value in values.items() if name not in tests_of.values()}
        if values:
            runs.append({**values, **missing})
    return runs


def _distinct(runs: Iterable[Mapping[str, Signature]]) -> dict[str, tuple[Signature, ...]]:
    """Return each name's different signatures over some runs, in order."""
    found: dict[str, dict[Signature, None]] = {}
    for run in runs:
        for name, value in run.items():
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _finding(
    pair: CellPair, policy: Qualify, name: str, before: Sequence[Signature], after: Sequence[Signature]
) -> Finding | None:
    """Return the finding about one name; None if nothing changed."""
    old, new = (values[0] if len(values) == 1 else None for values in (before, after))
    flaky = len(before) > 1 or len(after) > 1
    category = "flaky" if flaky else None if old == new else categorise(old, new)
    if category is None:
        return None
    return Finding(
        pair=pair.id,
        name=name,
        category=category,
        effect=effect(category, policy),
        before=describe(old, whole=True) if old else None,
        after=describe(new, whole=True) if new else None,
        change=_describe_flaky(before, after) if flaky else _describe(old, new),
        follows=new.message.removeprefix("by ") if new and new.outcome == "blocked" and new.message else None,
    )


def categorise(old: Signature | None, new: Signature | None) -> Category | None:
    """Return the category of a change from one signature to another; None stands for an absent signature."""
    if new is None or new.outcome == "skipped":
        return "unavailable"
    if old is None or old.outcome == "skipped":
        return "unavailable" if new.good else _failure(new)
    if old.outcome != new.outcome and new.outcome in {"crashed", "timed-out"}:
        return _failure(new)
    return classify(old, new)


def _failure(new: Signature) -> Category:
    failures: dict[str, Category] = {"crashed": "newly crashed", "timed-out": "newly hangs"}
    return failures.get(new.outcome, "broken")


def _describe(old: Signature | None, new: Signature | None) -> str:
    if old is None or new is None:
        return " → ".join("not observed" if side is None else describe(side) for side in (old, new))
    return describe_change(old, new)


def _describe_flaky(before: Sequence[Signature], after: Sequence[Signature]) -> str:
    """Return which side varies, and between what; a flaky candidate may be the candidate's own fault."""
    sides = {"the baseline": before, "the candidate": after}
    flaky = " and ".join(side for side, values in sides.items() if len(values) > 1)
    values = after if len(after) > 1 else before
    return f"varies in {flaky}: {' or '.join(describe(value) for value in values)}"


def _without_consequences(
    found: list[Finding], before: Mapping[str, Sequence[Signature]], after: Mapping[str, Sequence[Signature]]
) -> list[Finding]:
    """Return only the finding about the cell where one side cannot be imported: nothing else was observed there."""
    sides = [side[INSTALL_AND_IMPORT] for side in (before, after) if INSTALL_AND_IMPORT in side]
    if any(not any(signature.good for signature in values) for values in sides):
        return [finding for finding in found if finding.name == INSTALL_AND_IMPORT]
    return found


# --- import time --------------------------------------------------------------------------------------------------


def is_slow(pair: CellPair, slow: SlowImport) -> bool:
    """Return whether importing the candidate exceeds both limits compared with the baseline."""
    times = import_times(pair)
    return times is not None and times[1] >= slow.ratio * times[0] and times[1] - times[0] >= slow.seconds


def import_times(pair: CellPair) -> tuple[float, float] | None:
    """Return import seconds of baseline and candidate: measured alternately, or the best run of each on one machine.

    None if a side was not measured.
    """
    if pair.imports is not None:
        return pair.imports
    sides = [[s for s in side if s.import_seconds and s.record.usable] for side in (pair.baseline, pair.candidate)]
    machines = {sample.machine for side in sides for sample in side}
    if not all(sides) or len(machines) > 1:
        return None
    before, after = (min(sample.import_seconds or 0.0 for sample in side) for side in sides)
    return before, after


def _slow_import(pair: CellPair, policy: Qualify) -> list[Finding]:
    times = import_times(pair)
    if times is None or not is_slow(pair, policy.slow_import):
        return []
    before, after = times
    category: Category = "newly slow to import"
    return [
        Finding(
            pair=pair.id,
            name=IMPORT_TIME,
            category=category,
            effect=effect(category, policy),
            change=f"{before:.1f} s → {after:.1f} s, {after / max(before, 0.001):.1f} times as long",
            confirmed=pair.imports is not None,
        )
    ]
