"""The searches compared with brute force, on histories with skips, flips and ties; and the number of their probes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bisect import search
from scripts.bisect.search import NO_SIGNATURE, Answer, Change, Changes, Found, NextRound, WrongEnds

GOOD, BAD, SKIPPED, THIRD = Answer.GOOD, Answer.BAD, Answer.SKIP, Answer.THIRD
LETTERS = {"g": GOOD, "b": BAD, "s": SKIPPED, "3": THIRD}


class Prober:
    """Answers from a history; counts probes and rounds, and refuses to probe a candidate twice."""

    def __init__(self, history: Sequence[object]) -> None:
        self.history, self.probed, self.rounds = history, list[int](), list[int]()

    def __call__(self, candidates: Sequence[int]) -> dict[int, object]:
        assert not set(candidates) & set(self.probed), "probed twice"
        assert candidates, "an empty round"
        self.probed += candidates
        self.rounds.append(len(candidates))
        return {position: self.history[position] for position in candidates}


def search_to_end(step: Callable[..., Any], prober: Prober, known: Mapping[int, object]) -> object:
    """Probe the candidates of each round, as `bisection.run` does; return the result of the search."""
    answers = dict(known)
    while isinstance(action := step(answers), NextRound):
        answers.update(prober(action.candidates))
    return action


def bisect(
    history: Sequence[Answer], known: Mapping[int, Answer] | None = None, **options: Any
) -> tuple[Found | WrongEnds, Prober]:
    prober = Prober(history)
    result = search_to_end(functools.partial(search.bisect, len(history), **options), prober, known or {})
    assert isinstance(result, Found | WrongEnds)
    return result, prober


def find_all(
    history: Sequence[object], known: Mapping[int, object] | None = None, **options: Any
) -> tuple[list[Change], Prober]:
    prober = Prober(history)
    result = search_to_end(functools.partial(search.find_all, len(history), **options), prober, known or {})
    assert isinstance(result, Changes)
    return list(result.changes), prober


def brute(history: Sequence[object], skip: object = NO_SIGNATURE) -> list[Change]:
    """Return every change of a history, from all its candidates."""
    positions = [position for position, value in enumerate(history) if value is not skip]
    return [Change(before=a, after=b) for a, b in pairwise(positions) if history[a] != history[b]]


def most(count: int) -> int:
    """Return the most probes between the ends that one change among ``count`` candidates takes, without skips."""
    return math.ceil(math.log2(count - 1))


def read(text: str) -> list[Answer]:
    return [LETTERS[letter] for letter in text]


middles = st.lists(st.sampled_from("gbs3"), max_size=40)


@st.composite
def one_change(draw: st.DrawFn, skips: bool = True) -> list[Answer]:
    good, bad = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    inner = [GOOD] * good + [BAD] * bad
    if skips:
        for position in draw(st.sets(st.integers(0, max(0, len(inner) - 1)), max_size=len(inner))):
            if inner:
                inner[position] = SKIPPED
    return [GOOD, *inner, BAD]


@given(one_change())
def test_one_change_is_found_as_by_brute_force(history: list[Answer]) -> None:
    found, _ = bisect(history)
    assert isinstance(found, Found)
    assert [found.change] == brute(history, SKIPPED)
    assert found.others == ()


@given(one_change(skips=False), st.integers(1, 8))
def test_without_skips_probes_and_rounds_are_minimal(history: list[Answer], width: int) -> None:
    _, single = bisect(history)
    assert len(single.probed) - 2 <= most(len(history)) == search.rounds(len(history) - 2, 1)
    _, several = bisect(history, width=width)
    rounds_for_ends = 1 if width > 1 else 2
    assert len(several.rounds) - rounds_for_ends <= search.rounds(len(history) - 2, width)
    assert len(several.rounds) <= len(single.rounds)
    assert max(several.rounds) <= max(width, 2 if width > 1 else 1)


@given(one_change())
def test_each_skip_adds_at_most_two_probes(history: list[Answer]) -> None:
    _, prober = bisect(history)
    met = sum(history[position] is SKIPPED for position in prober.probed)
    assert len(prober.probed) - 2 <= most(len(history)) + 2 * met


def test_thirty_eight_releases_take_the_ends_and_six_between() -> None:
    counts = {len(bisect([GOOD] * n + [BAD] * (38 - n))[1].probed) - 2 for n in range(1, 38)}
    assert max(counts) <= 6


@given(middles, st.sampled_from([SKIPPED, BAD, GOOD]), st.integers(1, 5))
def test_in_any_history_the_change_is_real(middle: list[str], third: Answer, width: int) -> None:
    history = read("g" + "".join(middle) + "b")
    found, _ = bisect(history, third=third, width=width)
    counted = [third if answer is THIRD else answer for answer in history]
    assert isinstance(found, Found)
    for change in (found.change, *found.others):
        assert {counted[change.before], counted[change.after]} == {GOOD, BAD}
    assert (counted[found.change.before], counted[found.change.after]) == (GOOD, BAD)
    assert all(counted[position] is SKIPPED for position in range(found.change.before + 1, found.change.after))


@given(middles, st.data())
def test_known_candidates_are_not_probed(middle: list[str], data: st.DataObject) -> None:
    history = read("g" + "".join(middle) + "b")
    known = data.draw(st.sets(st.integers(0, len(history) - 1)))
    _, prober = bisect(history, {position: history[position] for position in known})
    assert not known & set(prober.probed)


@given(middles)
def test_known_answers_alone_give_the_last_change(middle: list[str]) -> None:
    history = read("g" + "".join(middle) + "b")
    found, prober = bisect(history, dict(enumerate(history)))
    assert prober.probed == []
    assert isinstance(found, Found)
    counted = [SKIPPED if answer is THIRD else answer for answer in history]
    assert [*found.others, found.change] == brute(counted, SKIPPED)


@given(middles, st.integers(1, 4))
def test_a_resumed_search_takes_the_same_probes(middle: list[str], width: int) -> None:
    history = read("g" + "".join(middle) + "b")
    _, whole = bisect(history, width=width)
    for stop in range(len(whole.rounds)):
        begun = whole.probed[: sum(whole.rounds[:stop])]
        _, rest = bisect(history, {position: history[position] for position in begun}, width=width)
        assert begun + rest.probed == whole.probed


@given(middles, st.randoms(use_true_random=False))
def test_with_flaky_answers_both_sides_of_the_change_were_probed(middle: list[str], random: object) -> None:
    history = read("g" + "".join(middle) + "b")
    choose = random.choice  # type: ignore[attr-defined]
    flaky = [GOOD, *(choose([answer, GOOD, BAD, SKIPPED]) for answer in history[1:-1]), BAD]
    found, prober = bisect(flaky)
    assert isinstance(found, Found)
    assert {found.change.before, found.change.after} <= set(prober.probed)


@given(middles, st.randoms(use_true_random=False), st.integers(1, 4), st.data())
def test_the_order_of_the_answers_does_not_matter(
    middle: list[str], random: object, width: int, data: st.DataObject
) -> None:
    history = read("g" + "".join(middle) + "b")
    positions = data.draw(st.sets(st.integers(0, len(history) - 1)))
    shuffled = list(positions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    steps = [
        search.bisect(len(history), {position: history[position] for position in order}, width=width)
        for order in (sorted(positions), shuffled)
    ]
    assert steps[0] == steps[1]
    every = [
        search.find_all(len(history), {position: history[position] for position in order}, width=width, grain=2)
        for order in (sorted(positions), shuffled)
    ]
    assert every[0] == every[1]


@given(st.integers(2, 80), st.integers(0, 78), st.integers(1, 79))
def test_each_probe_halves_the_interval(count: int, good: int, bad: int) -> None:
    good, bad = min(good, count - 2), min(max(bad, min(good, count - 2) + 1), count - 1)
    step = search.bisect(count, {0: GOOD, good: GOOD, bad: BAD, count - 1: BAD})
    if bad - good == 1:
        assert step == Found(change=Change(before=good, after=bad))
    else:
        assert isinstance(step, NextRound)
        (position,) = step.candidates
        # No other choice leaves a smaller larger half.
        assert max(position - good - 1, bad - position - 1) == (bad - good - 1) // 2


@given(one_change(skips=False), st.data())
def test_known_answers_never_make_a_search_longer(history: list[Answer], data: st.DataObject) -> None:
    known = data.draw(st.sets(st.integers(0, len(history) - 1)))
    _, prober = bisect(history, {position: history[position] for position in known})
    assert len(prober.probed) <= 2 + most(len(history))


@given(one_change(), st.data())
def test_flaky_candidates_add_only_themselves_to_the_suspects(history: list[Answer], data: st.DataObject) -> None:
    """A flaky candidate is skipped: the change is found, or only flaky candidates are further suspects."""
    inner = st.sets(st.integers(1, max(1, len(history) - 2)), max_size=5)
    flaky = data.draw(inner) if len(history) > 2 else set()
    answers = [SKIPPED if position in flaky else answer for position, answer in enumerate(history)]
    found, _ = bisect(answers)
    assert isinstance(found, Found)
    (true,) = brute(history, SKIPPED)
    assert found.change.before <= true.before < true.after <= found.change.after
    assert set(range(found.change.before + 1, found.change.after)) <= flaky | {
        position for position, answer in enumerate(history) if answer is SKIPPED
    }


@pytest.mark.parametrize(
    ("history", "first", "last"),
    [("bb", BAD, BAD), ("gg", GOOD, GOOD), ("bgg", BAD, GOOD), ("sgb", SKIPPED, BAD), ("gb3", GOOD, THIRD)],
)
def test_wrong_ends_are_reported_before_any_other_probe(history: str, first: Answer, last: Answer) -> None:
    found, prober = bisect(read(history))
    assert found == WrongEnds(first=first, last=last)
    assert sorted(prober.probed) == [0, len(history) - 1]


def test_an_undecided_change_has_suspects() -> None:
    found, _ = bisect(read("ggsssbb"))
    assert isinstance(found, Found)
    assert (found.change.before, found.change.after) == (1, 5)
    assert found.change.suspects == (2, 3, 4, 5)
    assert not found.change.certain


def test_the_distance_from_skipped_candidates_grows() -> None:
    """Twenty unavailable neighbours are not probed one after the other."""
    history = read("g" * 60 + "s" * 20 + "g" * 15 + "b" * 25)
    found, prober = bisect(history)
    assert isinstance(found, Found)
    assert found.change == Change(before=94, after=95)
    assert len(prober.probed) <= 16


def test_a_round_has_no_more_probes_than_save_another_round() -> None:
    history = [GOOD, GOOD, GOOD, BAD]
    assert bisect(history, width=8)[1].rounds == [2, 2]
    assert bisect([GOOD] * 5 + [BAD], width=3)[1].rounds[1] == 2  # four unknown: three at once need two rounds as well


# --- every change ------------------------------------------------------------------------------------------------

signatures = st.one_of(st.sampled_from("abc"), st.just(NO_SIGNATURE))
histories = st.lists(signatures, min_size=2, max_size=40)


@given(histories, st.integers(1, 6), st.none() | st.integers(1, 6))
def test_every_returned_change_is_real(history: list[object], width: int, grain: int | None) -> None:
    changes, _ = find_all(history, width=width, grain=grain)
    assert set(changes) <= {change for change in _pairs(history) if history[change.before] != history[change.after]}


def _pairs(history: Sequence[object]) -> list[Change]:
    """Return pairs of candidates with only skipped ones between them."""
    positions = [position for position, value in enumerate(history) if value is not NO_SIGNATURE]
    return [Change(before=a, after=b) for a, b in pairwise(positions)]


@given(histories, st.integers(1, 6))
def test_probing_all_finds_all(history: list[object], width: int) -> None:
    assert find_all(history, width=width, grain=1)[0] == brute(history)


@given(histories)
def test_known_signatures_alone_give_all_changes(history: list[object]) -> None:
    changes, prober = find_all(history, dict(enumerate(history)))
    assert changes == brute(history)
    assert prober.probed == []


@st.composite
def in_runs(draw: st.DrawFn, *, shortest: int, distinct: bool) -> list[object]:
    lengths = draw(st.lists(st.integers(shortest, 9), min_size=1, max_size=6))
    names = list(range(len(lengths))) if distinct else [i % 2 for i in range(len(lengths))]
    return [name for name, length in zip(names, lengths, strict=True) for _ in range(length)]


@given(in_runs(shortest=1, distinct=True), st.integers(1, 4))
def test_all_changes_are_found_if_no_behaviour_returns(history: list[object], width: int) -> None:
    changes, prober = find_all(history, width=width)
    assert changes == brute(history)
    if width == 1:
        per_change = max(1, most(max(2, len(history))))
        assert len(prober.probed) - 2 <= max(1, len(changes)) * per_change


@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), in_runs(shortest=n, distinct=False))))
def test_all_flips_that_last_for_the_grain_are_found(drawn: tuple[int, list[object]]) -> None:
    grain, history = drawn
    assert find_all(history, grain=grain)[0] == brute(history)


@given(in_runs(shortest=8, distinct=False))
def test_a_coarser_grain_takes_fewer_probes(history: list[object]) -> None:
    fine, coarse = find_all(history, grain=1)[1], find_all(history, grain=8)[1]
    assert len(fine.probed) == len(history)
    assert len(coarse.probed) <= len(fine.probed)


@given(in_runs(shortest=1, distinct=False), st.integers(1, 8))
def test_the_number_of_probes_for_all_changes_is_bounded(history: list[object], grain: int) -> None:
    changes, prober = find_all(history, grain=grain)
    count = len(history)
    assert len(prober.probed) <= count
    assert len(prober.probed) <= 2 + 2 * count / grain + len(changes) * max(1, most(max(2, count)))


def test_equal_ends_without_a_grain_take_two_probes() -> None:
    changes, prober = find_all(list("aabbbaa"))
    assert changes == []
    assert prober.probed == [0, 6]


def test_a_skipped_end_is_replaced_by_its_nearest_neighbour() -> None:
    changes, _ = find_all([NO_SIGNATURE, NO_SIGNATURE, *"aaabbb", NO_SIGNATURE])
    assert changes == [Change(before=4, after=5)]
