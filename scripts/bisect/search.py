"""Searching an ordered list of candidates for where behaviour changed. Pure.

Both searches are functions of what is known so far: candidates by position, with the answers they gave. They say
which candidates to probe next, or what was found. So state is the answers alone: it can be saved, resumed and
replayed, an answer known beforehand costs nothing, and the same answers always lead to the same next candidate.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeVar

End = TypeVar("End")
Said = TypeVar("Said")


class Answer(enum.Enum):
    """What probing a candidate said."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"  # it can't be said: unavailable, crashed on import, flaky
    THIRD = "third"  # neither the good behaviour nor the bad one


class Unknowable:
    """The place of a signature where a candidate has none to give: as `Answer.SKIP`, for `find_all`."""

    def __repr__(self) -> str:
        return "SKIP"


#: A candidate without a signature.
SKIP: Final = Unknowable()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """Probe these candidates next, by position and in order; together they are one round."""

    candidates: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WrongEnds:
    """The first candidate is not good, or the last not bad: there is nothing to search between them."""

    first: Answer
    last: Answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """The behaviour changed between two candidates: one is ``before``, the other ``after``, and both were probed.

    They are neighbours, or all between them was skipped: then the first of the new behaviour may be any of the
    ``suspects``.
    """

    before: int
    after: int

    @property
    def suspects(self) -> tuple[int, ...]:
        """Candidates that can be the first of the new behaviour."""
        return tuple(range(self.before + 1, self.after + 1))

    @property
    def certain(self) -> bool:
        """Whether there is one suspect only."""
        return self.after - self.before == 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """The change from good to bad; ``others`` are further places where neighbours known to differ were met."""

    change: Change
    others: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """Every change that was found, in order."""

    changes: tuple[Change, ...]


def bisect(
    count: int, answers: Mapping[int, Answer], *, width: int = 1, third: Answer = Answer.SKIP
) -> Ask | Found | WrongEnds:
    """The next step in the search for the change from good (the first of ``count``) to bad (the last).

    Both ends are verified first. Of a history that flips, one true change from good to bad is found: the last
    among the answers known, which explains the bad end. Without skips and known answers, one at a time, it takes
    the two ends and ``ceil(log2(count - 1))`` probes between them.

    Args:
        count: the number of candidates, at least two.
        answers: what is known, by position.
        width: candidates that can be probed at once; fewer are asked where more would save no round.
        third: what a third behaviour counts as.
    """
    known = {place: third if answer is Answer.THIRD else answer for place, answer in answers.items()}
    ends = (0, count - 1)
    if missing := [end for end in ends if end not in known]:
        return Ask(candidates=tuple(missing[:width]))
    if (known[0], known[count - 1]) != (Answer.GOOD, Answer.BAD):
        return WrongEnds(first=answers[0], last=answers[count - 1])
    *earlier, change = _changes({p: a for p, a in known.items() if a is not Answer.SKIP}, ends)
    if not (unknown := _unknown(change, known)):
        return Found(change=change, others=tuple(earlier))
    return Ask(candidates=_spread(unknown, _skipped(change, known), _useful(len(unknown), width)))


def find_all(
    count: int, signatures: Mapping[int, Hashable], *, width: int = 1, grain: int | None = None
) -> Ask | Changes:
    """The next step in the search for every change of signature between the first candidate and the last.

    What is guaranteed: each change that is returned is one, with both sides probed. Wherever two probed
    candidates differ, a change between them is found. But nothing short of probing all can exclude that the
    behaviour left and came back between two probed candidates that are alike: with ``grain``, stretches between
    such are probed until none of that many candidates is left out, so that each behaviour which lasted for
    ``grain`` candidates or more is found. ``grain=1`` probes all.
    """
    if missing := [end for end in dict.fromkeys((0, count - 1)) if end not in signatures]:
        return Ask(candidates=tuple(missing[:width]))
    decisive = {place: signature for place, signature in signatures.items() if not isinstance(signature, Unknowable)}
    stretches = _open_stretches(count, decisive, signatures, grain)
    chosen: list[int] = []
    for stretch in stretches:
        unknown = _unknown(stretch, signatures)
        number = _useful(len(unknown), max(1, width // len(stretches)))
        chosen += _spread(unknown, _skipped(stretch, signatures), number)
    if chosen:
        return Ask(candidates=tuple(sorted(chosen[:width])))
    return Changes(changes=tuple(_changes(decisive, (0, count - 1))))


def run(
    step: Callable[[Mapping[int, Said]], Ask | End],
    probe: Callable[[Sequence[int]], Mapping[int, Said]],
    known: Mapping[int, Said],
) -> tuple[End, Mapping[int, Said]]:
    """Drive a search to its end: what was found, and all answers. ``probe`` answers each candidate it is asked for."""
    answers = dict(known)
    while isinstance(now := step(answers), Ask):
        answers.update(probe(now.candidates))
    return now, answers


def rounds(unknown: int, width: int) -> int:
    """Rounds that suffice to find one change among ``unknown`` candidates, ``width`` at a time, without skips."""
    needed, reached = 0, 0
    while reached < unknown:  # each round multiplies the stretches that can be told apart by width + 1
        reached = reached * (width + 1) + width
        needed += 1
    return needed


def _useful(unknown: int, width: int) -> int:
    """The fewest candidates at once that need no more rounds than ``width`` would."""
    return next(fewer for fewer in range(1, width + 1) if rounds(unknown, fewer) == rounds(unknown, width))


def _changes(known: Mapping[int, Hashable], ends: tuple[int, int]) -> list[Change]:
    """Neighbours among the known that differ."""
    places = sorted(place for place in known if ends[0] <= place <= ends[1])
    return [Change(before=a, after=b) for a, b in pairwise(places) if known[a] != known[b]]


def _open_stretches(
    count: int, decisive: Mapping[int, Hashable], known: Mapping[int, object], grain: int | None
) -> list[Change]:
    """Stretches worth a probe: where the sides differ, then the longest of those where they are alike."""
    places = sorted(decisive)
    # An end that was skipped bounds the search like any other candidate, and differs from nothing.
    bounds = sorted({0, count - 1, *places})
    stretches = [Change(before=a, after=b) for a, b in pairwise(bounds) if _unknown(Change(before=a, after=b), known)]
    differing = [s for s in stretches if _differ(s, decisive)]
    alike = [s for s in stretches if s not in differing and grain is not None and _left_out(s, known) >= grain]
    return differing + sorted(alike, key=lambda s: (s.before - s.after, s.before))


def _differ(stretch: Change, decisive: Mapping[int, Hashable]) -> bool:
    """Whether there is a change to find: the sides differ, or one of them couldn't be probed."""
    if stretch.before not in decisive or stretch.after not in decisive:
        return True
    return decisive[stretch.before] != decisive[stretch.after]


def _left_out(stretch: Change, known: Mapping[int, object]) -> int:
    """Candidates within a stretch that are neither probed nor skipped, or could hide among the skipped."""
    return stretch.after - stretch.before - 1 if _unknown(stretch, known) else 0


def _unknown(stretch: Change, known: Mapping[int, object]) -> list[int]:
    return [place for place in range(stretch.before + 1, stretch.after) if place not in known]


def _skipped(stretch: Change, known: Mapping[int, object]) -> list[int]:
    return [place for place in range(stretch.before + 1, stretch.after) if place in known]


def _spread(unknown: Sequence[int], skipped: Sequence[int], number: int) -> tuple[int, ...]:
    """``number`` of the unknown candidates that part them evenly, away from what was skipped.

    Neighbours of a skipped candidate are often as bad: the more were skipped, the further away the next is taken.
    """
    apart = [place for place in unknown if all(abs(place - other) > len(skipped) // 2 for other in skipped)]
    usable = sorted(apart or unknown)
    wanted = [(len(unknown) * (i + 1)) // (number + 1) for i in range(number)]
    rank = {place: index for index, place in enumerate(unknown)}
    chosen: list[int] = []
    for middle in wanted:
        free = [place for place in usable if place not in chosen] or [p for p in unknown if p not in chosen]
        chosen.append(min(free, key=lambda place: (abs(rank[place] - middle), place)))
    return tuple(sorted(chosen))
