"""Search an ordered list of candidates for the positions where behaviour changes. Pure.

Both searches are functions of the results so far, by position. They return the candidates to probe next, or the
changes. So the results are the whole state: it can be saved, resumed and replayed, results known beforehand save
probes, and the same results always lead to the same next candidate.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Final


class Answer(enum.Enum):
    """The result of probing a candidate."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"  # undecided: unavailable, crashed on import, or flaky
    THIRD = "third"  # neither the good behaviour nor the bad one


class NoSignature:
    """Stands for the signature of a candidate that has none: `Answer.SKIP` for `find_all`."""

    def __repr__(self) -> str:
        return "NO_SIGNATURE"


NO_SIGNATURE: Final = NoSignature()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextRound:
    """Candidates to probe next, by position and in order."""

    candidates: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WrongEnds:
    """The first candidate is not good, or the last not bad: there is no change to search for."""

    first: Answer
    last: Answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A change of behaviour between two probed candidates.

    They are neighbours, or all candidates between them were skipped: then the change may be at any of the
    ``suspects``.
    """

    before: int
    after: int

    @property
    def suspects(self) -> tuple[int, ...]:
        """Candidates that may be the first with the new behaviour."""
        return tuple(range(self.before + 1, self.after + 1))

    @property
    def certain(self) -> bool:
        """True if there is only one suspect."""
        return self.after - self.before == 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """The change from good to bad; ``others`` are further changes that the probes happened to show."""

    change: Change
    others: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """Every change that was found, in order."""

    changes: tuple[Change, ...]


def bisect(
    count: int, answers: Mapping[int, Answer], *, width: int = 1, third: Answer = Answer.SKIP
) -> NextRound | Found | WrongEnds:
    """Return the next step in the search for the change from good (the first of ``count``) to bad (the last).

    Both ends are verified first. In a history that flips, one real change from good to bad is found: the last one
    among the known answers, which explains the bad end. Without skips and known answers, one at a time, the search
    takes the two ends and ``ceil(log2(count - 1))`` probes between them.

    Args:
        count: number of candidates, at least two.
        answers: known answers, by position.
        width: most candidates in a round; a round has fewer if more would not save a round.
        third: the answer that a third behaviour counts as.
    """
    known = {position: third if answer is Answer.THIRD else answer for position, answer in answers.items()}
    ends = (0, count - 1)
    if missing := [end for end in ends if end not in known]:
        return NextRound(candidates=tuple(missing[:width]))
    if (known[0], known[count - 1]) != (Answer.GOOD, Answer.BAD):
        return WrongEnds(first=answers[0], last=answers[count - 1])
    decisive = {position: answer for position, answer in known.items() if answer is not Answer.SKIP}
    *earlier, change = _changes(decisive, ends)
    if not (unknown := _unknown(change, known)):
        return Found(change=change, others=tuple(earlier))
    number = _useful_width(len(unknown), width)
    return NextRound(candidates=_spread(unknown, _skipped(change, known), number))


def find_all(
    count: int, signatures: Mapping[int, Hashable], *, width: int = 1, grain: int | None = None
) -> NextRound | Changes:
    """Return the next step in the search for every change of signature between the first candidate and the last.

    Each returned change is real, with both sides probed, and wherever two probed candidates differ, a change between
    them is found. A behaviour that appears and disappears between two probed candidates with the same signature can
    be missed. With ``grain``, intervals between such candidates are probed until none leaves out that many, so that
    every behaviour which lasts for at least ``grain`` candidates is found. ``grain=1`` probes all candidates.
    """
    if missing := [end for end in dict.fromkeys((0, count - 1)) if end not in signatures]:
        return NextRound(candidates=tuple(missing[:width]))
    decisive = {position: found for position, found in signatures.items() if not isinstance(found, NoSignature)}
    intervals = _open_intervals(count, decisive, signatures, grain)
    chosen: list[int] = []
    for interval in intervals:
        unknown = _unknown(interval, signatures)
        number = _useful_width(len(unknown), max(1, width // len(intervals)))
        chosen += _spread(unknown, _skipped(interval, signatures), number)
    if chosen:
        return NextRound(candidates=tuple(sorted(chosen[:width])))
    return Changes(changes=tuple(_changes(decisive, (0, count - 1))))


def rounds(unknown: int, width: int) -> int:
    """Return the rounds that suffice to find one change among unknown candidates, without skips."""
    needed, reached = 0, 0
    while reached < unknown:  # each round divides an interval into width + 1 parts
        reached = reached * (width + 1) + width
        needed += 1
    return needed


def _useful_width(unknown: int, width: int) -> int:
    """Return the smallest width that needs no more rounds than ``width``."""
    return next(fewer for fewer in range(1, width + 1) if rounds(unknown, fewer) == rounds(unknown, width))


def _changes(known: Mapping[int, Hashable], ends: tuple[int, int]) -> list[Change]:
    """Return the differing neighbours among known candidates."""
    positions = sorted(position for position in known if ends[0] <= position <= ends[1])
    return [Change(before=a, after=b) for a, b in pairwise(positions) if known[a] != known[b]]


def _open_intervals(
    count: int, decisive: Mapping[int, Hashable], known: Mapping[int, object], grain: int | None
) -> list[Change]:
    """Return intervals to probe: those with differing sides, then the longest of those with equal sides."""
    # An end that was skipped bounds the search like any other candidate, and differs from nothing.
    bounds = sorted({0, count - 1, *decisive})
    intervals = [Change(before=a, after=b) for a, b in pairwise(bounds) if _unknown(Change(before=a, after=b), known)]
    differing = [interval for interval in intervals if _may_differ(interval, decisive)]
    equal = [i for i in intervals if i not in differing and grain is not None and i.after - i.before - 1 >= grain]
    return differing + sorted(equal, key=lambda interval: (interval.before - interval.after, interval.before))


def _may_differ(interval: Change, decisive: Mapping[int, Hashable]) -> bool:
    """Return whether the sides of an interval differ, or one of them was skipped."""
    if interval.before not in decisive or interval.after not in decisive:
        return True
    return decisive[interval.before] != decisive[interval.after]


def _unknown(interval: Change, known: Mapping[int, object]) -> list[int]:
    return [position for position in range(interval.before + 1, interval.after) if position not in known]


def _skipped(interval: Change, known: Mapping[int, object]) -> list[int]:
    return [position for position in range(interval.before + 1, interval.after) if position in known]


def _spread(unknown: Sequence[int], skipped: Sequence[int], number: int) -> tuple[int, ...]:
    """Return a number of unknown candidates that divide them evenly, at a distance from skipped ones.

    The neighbours of a skipped candidate are often unusable too: the more were skipped, the greater the distance.
    """
    apart = [position for position in unknown if all(abs(position - skip) > len(skipped) // 2 for skip in skipped)]
    usable = sorted(apart or unknown)
    targets = [(len(unknown) * (i + 1)) // (number + 1) for i in range(number)]
    rank = {position: index for index, position in enumerate(unknown)}
    chosen: list[int] = []
    for target in targets:
        free = [p for p in usable if p not in chosen] or [p for p in unknown if p not in chosen]
        chosen.append(_nearest(free, rank, target))
    return tuple(sorted(chosen))


def _nearest(positions: Sequence[int], rank: Mapping[int, int], target: int) -> int:
    """Return the position whose rank is nearest to a target, the lower one of two."""
    return min(positions, key=lambda position: (abs(rank[position] - target), position))
