"""From what differs to a verdict: effects by the policy, expected changes, pins, and whether it was enough. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scripts.config.policy import Category, Effect, Verdict
from scripts.matrix import cells
from scripts.matrix.config import Expected, Qualify
from scripts.qualify import comparing, expectations
from scripts.qualify.comparing import IMPORT_TIME, WHOLE, Change
from scripts.qualify.model import Compared, Expectation, Finding, Lane, PinEffect
from scripts.results.signature import Signature, describe, describe_change

#: The heaviest first.
_WEIGHT: Final[tuple[Effect, ...]] = ("blocks", "warns", "expected", "noted")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is made of all lanes."""

    verdict: Verdict
    because: tuple[str, ...]
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]
    pin_effects: tuple[PinEffect, ...]
    compared: tuple[Compared, ...]


def judge(lanes: Sequence[Lane], policy: Qualify, *, candidate: str, baseline: str, today: dt.date) -> Judgement:
    """The verdict on a candidate.

    Args:
        lanes: with everything that was run.
        policy: what may change.
        candidate: its version; with the baseline's it decides which changes are expected.
        baseline: its version.
        today: expectations that expired by then don't count.
    """
    changed = {lane.id: comparing.changes(lane, policy.slow_import, policy.runs) for lane in lanes}
    active = [one for one in policy.expected if one.expires > today and cells.matches(candidate, one.releases)]
    found = [_finding(lane, change, policy, active) for lane in lanes for change in changed[lane.id]]
    found = _attributed(lanes, _with_roots(found))
    found += [_missing(lane, policy) for lane in lanes if lane.missing]
    outcomes = expectations.outcomes(
        lanes, changed, policy.expected, candidate=candidate, baseline=baseline, today=today
    )
    found += _rotten(outcomes, policy)
    compared = tuple(_compared(lane, found) for lane in lanes)
    verdict, because = _verdict(lanes, found, policy)
    return Judgement(
        verdict=verdict,
        because=because,
        findings=tuple(found),
        expectations=tuple(outcomes),
        pin_effects=tuple(_pin_effects(lanes)),
        compared=compared,
    )


# --- findings ---------------------------------------------------------------------------------------------------


def effect(category: Category, policy: Qualify) -> Effect:
    """What a finding of a category does to the verdict, if it isn't expected."""
    if category in policy.block:
        return "blocks"
    return "warns" if category in policy.warn else "noted"


def _finding(lane: Lane, change: Change, policy: Qualify, active: Iterable[Expected]) -> Finding:
    expected = next((one for one in active if expectations.meets(one, change)), None)
    return Finding(
        lane=lane.id,
        name=change.name,
        category=change.category,
        effect="expected" if expected else effect(change.category, policy),
        before=describe(change.before, whole=True) if change.before else None,
        after=describe(change.after, whole=True) if change.after else None,
        change=change.what,
        confirmed=change.confirmed,
        follows=change.follows,
        reason=expected.reason if expected else None,
        link=expected.link if expected else None,
    )


def _with_roots(found: Sequence[Finding]) -> list[Finding]:
    """Say that one finding follows from another only where that one is a finding too, and weighs as much.

    What follows from an expected change is expected.
    """
    by_name = {(one.lane, one.name): one for one in found}
    return [_rooted(one, _root(one, by_name)) for one in found]


def _root(one: Finding, by_name: Mapping[tuple[str, str], Finding]) -> Finding | None:
    """The finding that a chain of blocked ones ends at; None for one that follows from none, or goes round."""
    met = [one]
    while met[-1].follows is not None:
        root = by_name.get((one.lane, met[-1].follows))
        if root is None or root in met:
            break
        met.append(root)
    return met[-1] if len(met) > 1 and met[-1].follows is None else None


def _rooted(one: Finding, root: Finding | None) -> Finding:
    if root is None:
        return one.model_copy(update={"follows": None})
    if root.effect == "expected":
        said = {"effect": root.effect, "reason": root.reason, "link": root.link}
        return one.model_copy(update={"follows": root.name, **said})
    weighs = _WEIGHT.index(root.effect) <= _WEIGHT.index(one.effect)
    return one.model_copy(update={"follows": root.name if weighs else None})


def _missing(lane: Lane, policy: Qualify) -> Finding:
    what = f"matrix.toml says that {lane.build} has wheels for Python {lane.python}, and the candidate has none"
    return Finding(
        lane=lane.id,
        name=WHOLE,
        category="missing wheel",
        effect=effect("missing wheel", policy),
        change=what,
        confirmed=True,
    )


def _rotten(outcomes: Iterable[Expectation], policy: Qualify) -> list[Finding]:
    """Expectations that have to be looked at again, as findings."""
    categories: dict[str, Category] = {"did not happen": "expected change missing", "expired": "expectation expired"}
    return [
        Finding(
            lane=lane,
            name=one.observation,
            category=categories[one.status],
            effect=effect(categories[one.status], policy),
            change=expectations.text(one),
            confirmed=True,
            reason=one.reason,
            link=one.link,
        )
        for one in outcomes
        if one.status in categories
        for lane in (one.lanes if one.status == "did not happen" else ("matrix.toml",))
    ]


# --- pins -------------------------------------------------------------------------------------------------------


def _attributed(lanes: Sequence[Lane], found: Sequence[Finding]) -> list[Finding]:
    """Each finding with the pins under which it shows, where others were tried in the same build and Python."""
    by_id = {lane.id: lane for lane in lanes}
    tried: dict[tuple[str, str], list[Lane]] = {}
    for lane in lanes:
        if comparing.is_compared(lane):
            tried.setdefault((lane.build, lane.python), []).append(lane)
    shows: dict[tuple[str, str, str, str], set[str]] = {}
    for one in found:
        lane = by_id[one.lane]
        shows.setdefault((lane.build, lane.python, one.name, one.change), set()).add(one.lane)
    attributed = []
    for one in found:
        lane = by_id[one.lane]
        others = tried.get((lane.build, lane.python), [])
        with_it = shows[lane.build, lane.python, one.name, one.change]
        attributed.append(one.model_copy(update={"attribution": attribution(others, with_it)}))
    return attributed


def attribution(tried: Sequence[Lane], with_it: set[str]) -> str | None:
    """Return what a change is attributed to: torch, or torch with some pins; None where other pins say nothing."""
    shown = [lane for lane in tried if lane.id in with_it]
    if len(tried) < 2 or not shown:  # noqa: PLR2004 - the usual pins alone
        return None
    if len(shown) == len(tried):
        return "torch, whatever the pins"
    return f"torch together with a pin: only with {' or '.join(_pins(lane) for lane in shown)}"


def _pins(lane: Lane) -> str:
    return " ".join(lane.pins) or "the usual pins"


def _pin_effects(lanes: Sequence[Lane]) -> list[PinEffect]:
    """What an alternative pin changes in the candidate and in the baseline alike."""
    usual = {(lane.build, lane.python): lane for lane in lanes if not lane.pins}
    found = []
    for lane in lanes:
        base = usual.get((lane.build, lane.python))
        if lane.pins and base is not None:
            effects = [_steady_changes(side, other) for side, other in _both(base, lane)]
            found += [
                PinEffect(lane=lane.id, name=name, change=describe_change(*pair))
                for name, pair in effects[0].items()
                if effects[1].get(name) == pair
            ]
    return found


def _both(base: Lane, lane: Lane) -> list[tuple[dict[str, Signature], dict[str, Signature]]]:
    sides = [(base.candidate, lane.candidate), (base.baseline, lane.baseline)]
    return [(comparing.steady(before), comparing.steady(after)) for before, after in sides]


def _steady_changes(
    before: Mapping[str, Signature], after: Mapping[str, Signature]
) -> dict[str, tuple[Signature, Signature]]:
    return {name: (before[name], after[name]) for name in before if name in after and before[name] != after[name]}


# --- the verdict ------------------------------------------------------------------------------------------------


def _compared(lane: Lane, found: Iterable[Finding]) -> Compared:
    names = {name for seen in lane.candidate for name in comparing.shown(seen.record)} - {WHOLE}
    changed = {one.name for one in found if one.lane == lane.id} - {WHOLE, IMPORT_TIME}
    times = comparing.import_times(lane)
    is_compared = comparing.is_compared(lane)
    return Compared(
        lane=lane.id,
        same=len(comparing.steady(lane.candidate).keys() - changed - {WHOLE}) if is_compared and names else 0,
        changed=len(changed),
        problem=None if is_compared else why_not_compared(lane),
        slower=round(times[1] / max(times[0], 0.001), 2) if times else None,
        packages=_packages(lane),
    )


def why_not_compared(lane: Lane) -> str:
    """Why a lane tells nothing."""
    if lane.missing:
        return "the candidate has no wheel"
    for name, side in (("candidate", lane.candidate), ("baseline", lane.baseline)):
        if (problem := comparing.problem(side)) is not None:
            return f"{name}: {problem}"
    if comparing.same_wheel(lane):
        return "candidate and baseline are the same wheel"
    return f"the baseline fails itself: {comparing.whole(lane.baseline[0].record).message}"


def _packages(lane: Lane) -> dict[str, tuple[str | None, str | None]]:
    """The packages beside torch that are of different versions on the two sides."""
    before, after = (
        next((one.record.packages for one in side if one.record.packages), {})
        for side in (lane.baseline, lane.candidate)
    )
    names = sorted({*before, *after}) if before and after else []
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _verdict(lanes: Sequence[Lane], found: Sequence[Finding], policy: Qualify) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its grounds. What blocks does so however little was compared; nothing else outweighs that."""
    wanted = [lane for lane in lanes if not lane.pins]
    compared = [lane for lane in wanted if comparing.is_compared(lane)]
    scope = f"{len(compared)} of {count(len(wanted), 'cell')} compared"
    counts = {one: _counted(found, one) for one in ("blocks", "warns", "expected", "noted")}
    told = [f"{name}: {text}" for name, text in counts.items() if text]
    if any(one.effect == "blocks" for one in found):
        return "blocked", (*told, scope)
    if len(compared) < policy.enough.cells or len(compared) < policy.enough.share * len(wanted):
        needed = f"the policy wants {count(policy.enough.cells, 'cell')} and {policy.enough.share:.0%} of all"
        return "inconclusive", (f"{scope}, and {needed}", *told)
    if any(one.effect == "warns" for one in found):
        return "qualified with warnings", (*told, scope)
    return "qualified", (*told, scope)


def _counted(found: Iterable[Finding], wanted: str) -> str:
    """How many different changes of each category have an effect; one in all cells and several names is one."""
    distinct = dict.fromkeys(alike(one) for one in found if one.effect == wanted and one.follows is None)
    numbers = Counter(category for _, category, _ in distinct)
    return ", ".join(f"{number} {category}" for category, number in numbers.items())


def alike(finding: Finding) -> tuple[Effect, Category, str]:
    """What findings have in common that are one change; whether an observation returned or a test passed is alike."""
    return finding.effect, finding.category, re.sub(r"(^|→ )passed\b", r"\1returned", finding.change)


def count(number: int, word: str) -> str:
    """A number with its word: ``1 cell``, ``2 cells``."""
    return f"{number} {word}{'' if number == 1 else 's'}"
