"""The verdict: findings with their effects, causes and pins, and whether enough was compared. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scripts.config import versions
from scripts.config.model import Qualify
from scripts.config.policy import Category, Effect, Verdict
from scripts.qualify import comparing, expectations
from scripts.qualify.comparing import IMPORT_TIME, INSTALL_AND_IMPORT, effect
from scripts.qualify.model import CellPair, Expectation, Finding, PairSummary, PinEffect, Sample
from scripts.records.signature import Signature, describe_change

#: Effects from the strongest to the weakest.
_STRENGTH: Final[tuple[Effect, ...]] = ("blocks", "warns", "expected", "noted")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on all pairs of cells, with its grounds."""

    verdict: Verdict
    because: tuple[str, ...]
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]
    pin_effects: tuple[PinEffect, ...]
    compared: tuple[PairSummary, ...]


def judge(pairs: Sequence[CellPair], policy: Qualify, *, candidate: str, baseline: str, today: dt.date) -> Judgement:
    """Return the verdict on a candidate.

    Args:
        pairs: the compared cells, with all their samples.
        policy: what may change.
        candidate: its version, which decides with the baseline's which changes are expected.
        baseline: its version.
        today: expectations that expire by this date do not count.
    """
    by_pair = {pair.id: comparing.findings(pair, policy) for pair in pairs}
    active = [change for change in policy.expected if change.expires > today]
    active = [change for change in active if versions.matches(candidate, change.releases)]
    found = [expectations.allowed(finding, active) for pair in pairs for finding in by_pair[pair.id]]
    found = _attributed(pairs, _with_causes(found))
    found += [_missing_wheel(pair, policy) for pair in pairs if pair.missing]
    outcomes = expectations.outcomes(
        pairs, by_pair, policy.expected, candidate=candidate, baseline=baseline, today=today
    )
    found += _obsolete_expectations(outcomes, policy)
    verdict, because = _verdict(pairs, found, policy)
    return Judgement(
        verdict=verdict,
        because=because,
        findings=tuple(found),
        expectations=tuple(outcomes),
        pin_effects=tuple(_pin_effects(pairs)),
        compared=tuple(_summary(pair, found) for pair in pairs),
    )


# --- findings -----------------------------------------------------------------------------------------------------


def _with_causes(findings: Sequence[Finding]) -> list[Finding]:
    """Keep ``follows`` only where it names the root cause, and that is a finding with at least the same effect.

    Consequences of an expected change are expected.
    """
    by_name = {(finding.pair, finding.name): finding for finding in findings}
    return [_with_cause(finding, _root(finding, by_name)) for finding in findings]


def _root(finding: Finding, by_name: Mapping[tuple[str, str], Finding]) -> Finding | None:
    """Return the finding at the end of a chain of blocked ones; None without a chain, or in a cycle."""
    chain = [finding]
    while chain[-1].follows is not None:
        cause = by_name.get((finding.pair, chain[-1].follows))
        if cause is None or cause in chain:
            break
        chain.append(cause)
    return chain[-1] if len(chain) > 1 and chain[-1].follows is None else None


def _with_cause(finding: Finding, root: Finding | None) -> Finding:
    if root is None:
        return finding.model_copy(update={"follows": None})
    if root.effect == "expected":
        expected = {"effect": root.effect, "reason": root.reason, "link": root.link}
        return finding.model_copy(update={"follows": root.name, **expected})
    as_strong = _STRENGTH.index(root.effect) <= _STRENGTH.index(finding.effect)
    return finding.model_copy(update={"follows": root.name if as_strong else None})


def _missing_wheel(pair: CellPair, policy: Qualify) -> Finding:
    return Finding(
        pair=pair.id,
        name=INSTALL_AND_IMPORT,
        category="missing wheel",
        effect=effect("missing wheel", policy),
        change=f"matrix.toml lists Python {pair.python} for {pair.build}, but the candidate has no wheel for it",
        confirmed=True,
    )


def _obsolete_expectations(outcomes: Iterable[Expectation], policy: Qualify) -> list[Finding]:
    """Return findings about expectations that did not happen or have expired."""
    categories: dict[str, Category] = {"did not happen": "expected change missing", "expired": "expectation expired"}
    return [
        Finding(
            pair=pair,
            name=outcome.observation,
            category=categories[outcome.status],
            effect=effect(categories[outcome.status], policy),
            change=expectations.describe(outcome),
            confirmed=True,
            reason=outcome.reason,
            link=outcome.link,
        )
        for outcome in outcomes
        if outcome.status in categories
        for pair in (outcome.pairs if outcome.status == "did not happen" else ("matrix.toml",))
    ]


# --- pins ---------------------------------------------------------------------------------------------------------


def _attributed(pairs: Sequence[CellPair], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with the pins under which they appear, where others were tried on that build and Python."""
    by_id = {pair.id: pair for pair in pairs}
    compared: dict[tuple[str, str], list[CellPair]] = {}
    for pair in pairs:
        if comparing.is_compared(pair):
            compared.setdefault((pair.build, pair.python), []).append(pair)

    def change(finding: Finding) -> tuple[str, str, str, str]:
        pair = by_id[finding.pair]
        return pair.build, pair.python, finding.name, finding.change

    showing: dict[tuple[str, str, str, str], set[str]] = {}
    for finding in findings:
        showing.setdefault(change(finding), set()).add(finding.pair)
    return [
        finding.model_copy(
            update={"attribution": attribution(compared.get(change(finding)[:2], []), showing[change(finding)])}
        )
        for finding in findings
    ]


def attribution(compared: Sequence[CellPair], showing: set[str]) -> str | None:
    """Return the cause of a change, torch or a pin; ``compared`` share build and Python, ``showing`` are ids.

    None if fewer than two sets of pins were compared, or none of them shows the change.
    """
    affected = [pair for pair in compared if pair.id in showing]
    if len(compared) == 1 or not affected:
        return None
    if len(affected) == len(compared):
        return "torch, with any of the pins"
    pins = " or ".join(" ".join(pair.pins) or "the usual pins" for pair in affected)
    return f"torch together with a pin: only with {pins}"


def _pin_effects(pairs: Sequence[CellPair]) -> list[PinEffect]:
    """Return what each alternative pin changes in candidate and baseline alike."""
    usual = {(pair.build, pair.python): pair for pair in pairs if not pair.pins}
    found = []
    for pair in pairs:
        base = usual.get((pair.build, pair.python))
        if pair.pins and base is not None:
            in_candidate = _stable_changes(base.candidate, pair.candidate)
            in_baseline = _stable_changes(base.baseline, pair.baseline)
            found += [
                PinEffect(pair=pair.id, name=name, change=describe_change(*change))
                for name, change in in_candidate.items()
                if in_baseline.get(name) == change
            ]
    return found


def _stable_changes(before: Sequence[Sample], after: Sequence[Sample]) -> dict[str, tuple[Signature, Signature]]:
    old, new = comparing.stable_signatures(before), comparing.stable_signatures(after)
    return {name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]}


# --- the verdict --------------------------------------------------------------------------------------------------


def _summary(pair: CellPair, findings: Iterable[Finding]) -> PairSummary:
    changed = {finding.name for finding in findings if finding.pair == pair.id} - {INSTALL_AND_IMPORT, IMPORT_TIME}
    unchanged = comparing.stable_signatures(pair.candidate).keys() - changed - {INSTALL_AND_IMPORT}
    times = comparing.import_times(pair)
    is_compared = comparing.is_compared(pair)
    return PairSummary(
        pair=pair.id,
        same=len(unchanged) if is_compared else 0,
        changed=len(changed),
        problem=None if is_compared else why_not_compared(pair),
        slower=round(times[1] / max(times[0], 0.001), 2) if times else None,
        packages=_differing_packages(pair),
    )


def why_not_compared(pair: CellPair) -> str:
    """Return why the cells of a pair could not be compared."""
    if pair.missing:
        return "the candidate has no wheel"
    for name, side in (("candidate", pair.candidate), ("baseline", pair.baseline)):
        if (problem := comparing.problem(side)) is not None:
            return f"{name}: {problem}"
    if comparing.same_wheel(pair):
        return "candidate and baseline are the same wheel"
    return f"the baseline itself fails: {comparing.cell_signature(pair.baseline[0].record).message}"


def _differing_packages(pair: CellPair) -> dict[str, tuple[str | None, str | None]]:
    """Return packages beside torch whose versions differ: those of the baseline and of the candidate."""
    before, after = (
        next((sample.record.packages for sample in side if sample.record.packages), {})
        for side in (pair.baseline, pair.candidate)
    )
    names = sorted({*before, *after}) if before and after else []
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _verdict(
    pairs: Sequence[CellPair], findings: Sequence[Finding], policy: Qualify
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its grounds. A blocking finding decides, however little was compared."""
    wanted = [pair for pair in pairs if not pair.pins]
    compared = sum(comparing.is_compared(pair) for pair in wanted)
    scope = f"{compared} of {count(len(wanted), 'cell')} compared"
    numbers = [(effect, _count_by_category(findings, effect)) for effect in _STRENGTH]
    grounds = [f"{effect}: {numbers}" for effect, numbers in numbers if numbers]
    effects = {finding.effect for finding in findings}
    if "blocks" in effects:
        return "blocked", (*grounds, scope)
    if compared < policy.enough.cells or compared < policy.enough.share * len(wanted):
        required = f"the policy requires {count(policy.enough.cells, 'cell')} and {policy.enough.share:.0%} of all"
        return "inconclusive", (f"{scope}, but {required}", *grounds)
    if "warns" in effects:
        return "qualified with warnings", (*grounds, scope)
    return "qualified", (*grounds, scope)


def _count_by_category(findings: Iterable[Finding], wanted: Effect) -> str:
    """Return the number of changes by category; one change in several cells and under several names counts once."""
    changes = dict.fromkeys(change_key(f) for f in findings if f.effect == wanted and f.follows is None)
    numbers = Counter(category for _, category, _ in changes)
    return ", ".join(f"{number} {category}" for category, number in numbers.items())


def change_key(finding: Finding) -> tuple[Effect, Category, str]:
    """Return a key that findings about the same change share; a test's "passed" equals an observation's "returned"."""
    return finding.effect, finding.category, re.sub(r"(^|→ )passed\b", r"\1returned", finding.change)


def count(number: int, word: str) -> str:
    """Return a number with its word: ``1 cell``, ``2 cells``."""
    return f"{number} {word}{'' if number == 1 else 's'}"
