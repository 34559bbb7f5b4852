"""One lane: what the candidate shows beside what the baseline shows, each over all its runs. Pure.

What a side shows is the same in all its runs, or it is flaky: then nothing is said about torch. That the cell can be
had and torch imported is looked at like an observation, by the name `WHOLE`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scripts.config.policy import Category
from scripts.matrix.config import SlowImport
from scripts.qualify.model import Lane, Seen
from scripts.results.records import Record
from scripts.results.signature import GOOD, Signature, classify, describe, describe_change, signature_of

#: The cell as a whole: that torch can be installed and imported, and the probes start.
WHOLE: Final = "install-and-import"
IMPORT_TIME: Final = "import-time"

_PHASES: Final = {"run": "starting the probes", "import": "importing", "install": "installing", "internal": "running"}
_PHASES_BEFORE: Final = {"resolve": "resolving", "download": "installing", "interpreter": "starting"}
#: Failures that say nothing about torch, for what they are or for where they happened.
_NOT_TORCH: Final = frozenset({"system error", "resolving failed", "no probes"})
_SLOW_ELSEWHERE: Final = frozenset({"interpreter", "resolve", "download", "install"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One name that differs, or can't be compared."""

    name: str
    category: Category
    before: Signature | None
    after: Signature | None
    what: str
    follows: str | None = None
    confirmed: bool = False


def told(record: Record) -> bool:
    """Whether a record says anything about the torch that was asked for; a broken wheel does, a dead network not."""
    if record.usable or record.reason is None:
        return record.usable
    slow = record.reason.kind == "timed out" and record.reason.stage in _SLOW_ELSEWHERE
    elsewhere = slow or record.reason.stage == "internal"
    return record.status != "unavailable" and record.reason.kind not in _NOT_TORCH and not elsewhere


def problem(seen: Iterable[Seen]) -> str | None:
    """Why a side of a lane shows nothing at all; None if it shows something."""
    runs = list(seen)
    if any(told(one.record) for one in runs):
        return None
    reason = runs[0].record.reason if runs else None
    return f"{reason.kind}: {reason.message}" if reason else "nothing was run"


def is_compared(lane: Lane) -> bool:
    """Whether a lane tells something about the candidate: it speaks, and the baseline works, so there is a measure."""
    spoke = any(told(one.record) for one in lane.candidate)
    measure = any(one.record.usable for one in lane.baseline)
    return spoke and measure and not same_wheel(lane)


def same_wheel(lane: Lane) -> bool:
    """Whether both sides tested one and the same file, so that comparing them tells nothing."""
    hashes = [{s.record.wheel.sha256 for s in side if s.record.wheel} for side in (lane.candidate, lane.baseline)]
    return bool(hashes[0]) and hashes[0] == hashes[1] and "" not in hashes[0]


def whole(record: Record) -> Signature:
    """The cell itself as a signature."""
    if record.reason is None:
        return Signature(outcome="returned")
    reason = record.reason
    outcome = record.status if record.status in {"crashed", "timed-out"} else "failed"
    phase = {**_PHASES, **_PHASES_BEFORE}[reason.stage]
    said = reason.kind if outcome == "crashed" else f"{reason.kind}: {reason.message}"
    return Signature(outcome=outcome, phase=phase, message=said)


def shown(record: Record) -> dict[str, Signature]:
    """All that a record shows: the cell itself, its observations, and the tests that make no observation."""
    if not told(record):
        return {}
    found = {WHOLE: whole(record)}
    if not record.usable:
        return found
    observing = {seen.test for seen in record.observations.values()}
    found |= {name: signature_of(seen) for name, seen in record.observations.items()}
    return found | {name: signature_of(test) for name, test in record.tests.items() if name not in observing}


def changes(lane: Lane, slow: SlowImport, runs: int) -> list[Change]:
    """All that differs in a lane, in the order of the probes; with confirmation by so many runs of each side."""
    confirmed = all(sum(told(one.record) for one in side) >= runs for side in (lane.candidate, lane.baseline))
    found = _behaviour(lane)
    found = [dataclasses.replace(change, confirmed=confirmed and change.category != "flaky") for change in found]
    return [*found, *_slow(lane, slow)]


def _behaviour(lane: Lane) -> list[Change]:
    """What the two sides show differently, or one shows now so and now otherwise."""
    sides = [_complete(lane.candidate, lane.baseline), _complete(lane.baseline, lane.candidate)]
    if not all(sides) or same_wheel(lane):
        return []
    after, before = (_values(side) for side in sides)
    found = [_change(name, before.get(name, ()), after.get(name, ())) for name in {**before, **after}]
    return _without_lost([change for change in found if change], before, after)


def differs(lane: Lane) -> bool:
    """Whether anything but the time that importing took differs in a lane."""
    return bool(_behaviour(lane))


def _complete(side: Sequence[Seen], other: Sequence[Seen]) -> list[dict[str, Signature]]:
    """What each run of a side shows; an observation that its test took along shows what became of the test."""
    makers = {
        name: seen.test
        for one in (*side, *other)
        for name, seen in one.record.observations.items()
        if seen.test is not None
    }
    found = []
    for one in side:
        values = shown(one.record)
        tests = one.record.tests
        lost = {
            name: signature_of(tests[test])
            for name, test in makers.items()
            if name not in values and test in tests and tests[test].outcome not in GOOD
        }
        values = {name: value for name, value in values.items() if name not in makers.values()}
        if values:
            found.append({**values, **lost})
    return found


def _values(side: Iterable[Mapping[str, Signature]]) -> dict[str, tuple[Signature, ...]]:
    """Each name's different signatures over the runs of a side, in order."""
    found: dict[str, dict[Signature, None]] = {}
    for run in side:
        for name, value in run.items():
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _change(name: str, before: Sequence[Signature], after: Sequence[Signature]) -> Change | None:
    """What became of one name; None if it is the same."""
    if len(before) > 1 or len(after) > 1:
        return _flaky(name, before, after)
    old, new = before[0] if before else None, after[0] if after else None
    if old == new:
        return None
    category = categorise(old, new)
    if category is None:
        return None
    follows = new.message.removeprefix("by ") if new and new.outcome == "blocked" and new.message else None
    return Change(name=name, category=category, before=old, after=new, what=_what(old, new), follows=follows)


def categorise(old: Signature | None, new: Signature | None) -> Category | None:
    """What it means that a signature became another; None where nothing is to say."""
    if new is None or new.outcome == "skipped":
        return "unavailable"
    if old is None or old.outcome == "skipped":
        return "unavailable" if new.good else _failing(new)
    if old.outcome != new.outcome and new.outcome in {"crashed", "timed-out"}:
        return _failing(new)
    return classify(old, new)


def _failing(new: Signature) -> Category:
    failures: dict[str, Category] = {"crashed": "newly crashed", "timed-out": "newly hangs"}
    return failures.get(new.outcome, "broken")


def _what(old: Signature | None, new: Signature | None) -> str:
    if old is None or new is None:
        return " → ".join("not observed" if one is None else describe(one) for one in (old, new))
    return describe_change(old, new)


def _flaky(name: str, before: Sequence[Signature], after: Sequence[Signature]) -> Change:
    """A side that differs from itself; which one matters, for only the candidate's can be its own fault."""
    sides = {"the baseline": before, "the candidate": after}
    unsteady = [side for side, values in sides.items() if len(values) > 1]
    values = after if len(after) > 1 else before
    said = " or ".join(describe(value) for value in values)
    what = f"in {' and '.join(unsteady)}: {said}"
    return Change(
        name=name,
        category="flaky",
        before=before[0] if len(before) == 1 else None,
        after=after[0] if len(after) == 1 else None,
        what=what,
    )


def _without_lost(
    found: list[Change], before: Mapping[str, Sequence[Signature]], after: Mapping[str, Sequence[Signature]]
) -> list[Change]:
    """Where the cell as a whole fails on one side, that is the one finding: nothing else could be seen there."""
    whole_cell = [change for change in found if change.name == WHOLE]
    failed = [values for side in (before, after) if (values := side.get(WHOLE)) and not any(v.good for v in values)]
    return whole_cell if failed else found


def is_slow(lane: Lane, slow: SlowImport) -> bool:
    """Whether importing the candidate takes too much longer than importing the baseline."""
    times = import_times(lane)
    return times is not None and times[1] >= slow.ratio * times[0] and times[1] - times[0] >= slow.seconds


def _slow(lane: Lane, slow: SlowImport) -> list[Change]:
    times = import_times(lane)
    if times is None or not is_slow(lane, slow):
        return []
    what = f"{times[0]:.1f} s → {times[1]:.1f} s, {times[1] / max(times[0], 0.001):.1f} times as long"
    category: Category = "newly slow to import"
    timed = lane.imports is not None
    return [Change(name=IMPORT_TIME, category=category, before=None, after=None, what=what, confirmed=timed)]


def import_times(lane: Lane) -> tuple[float, float] | None:
    """Seconds that importing took, baseline first: timed in turn, or else the best run of each side on one machine.

    None where a side was not timed.
    """
    if lane.imports is not None:
        return lane.imports
    sides = [[s for s in side if s.import_seconds and s.record.usable] for side in (lane.baseline, lane.candidate)]
    machines = {one.machine for side in sides for one in side}
    if not all(sides) or len(machines) > 1:
        return None
    before, after = (min(one.import_seconds or 0.0 for one in side) for side in sides)
    return before, after


def steady(side: Iterable[Seen]) -> dict[str, Signature]:
    """What a side shows alike in all its runs."""
    values = _values(shown(one.record) for one in side)
    return {name: found[0] for name, found in values.items() if len(found) == 1}
