"""The searches against brute force: on histories with skips, flips and ties, and in the number of probes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bisect import search
from scripts.bisect.search import SKIP, Answer, Ask, Change, Changes, Found, WrongEnds

GOOD, BAD, SKIPPED, THIRD = Answer.GOOD, Answer.BAD, Answer.SKIP, Answer.THIRD
LETTERS = {"g": GOOD, "b": BAD, "s": SKIPPED, "3": THIRD}


class Prober:
    """Answers from a history, and counts: probes, rounds, and that nothing is asked twice."""

    def __init__(self, history: Sequence[object]) -> None:
        self.history, self.asked, self.rounds = history, list[int](), list[int]()

    def __call__(self, candidates: Sequence[int]) -> dict[int, object]:
        assert not set(candidates) & set(self.asked), "asked twice"
        assert candidates, "an empty round"
        self.asked += candidates
        self.rounds.append(len(candidates))
        return {place: self.history[place] for place in candidates}


def bisect(
    history: Sequence[Answer], known: Mapping[int, Answer] | None = None, **options: object
) -> tuple[Found | WrongEnds, Prober]:
    prober = Prober(history)
    step: Callable[..., Ask | Found | WrongEnds] = functools.partial(search.bisect, len(history), **options)  # type: ignore[arg-type]
    found, _ = search.run(step, prober, known or {})  # type: ignore[arg-type]
    assert isinstance(found, Found | WrongEnds)
    return found, prober


def find_all(
    history: Sequence[object], known: Mapping[int, object] | None = None, **options: int | None
) -> tuple[list[Change], Prober]:
    prober = Prober(history)
    step: Callable[..., Ask | Changes] = functools.partial(search.find_all, len(history), **options)  # type: ignore[arg-type]
    found, _ = search.run(step, prober, known or {})
    return list(found.changes), prober


def brute(history: Sequence[object], skip: object = SKIP) -> list[Change]:
    """Every change of a history, by looking at all of it."""
    places = [place for place, value in enumerate(history) if value is not skip]
    return [Change(before=a, after=b) for a, b in pairwise(places) if history[a] != history[b]]


def most(count: int) -> int:
    """Probes between the ends that one change among ``count`` candidates takes at most, without skips."""
    return math.ceil(math.log2(count - 1))


def read(text: str) -> list[Answer]:
    return [LETTERS[letter] for letter in text]


middles = st.lists(st.sampled_from("gbs3"), max_size=40)


@st.composite
def one_change(draw: st.DrawFn, skips: bool = True) -> list[Answer]:
    good, bad = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    inner = [GOOD] * good + [BAD] * bad
    if skips:
        for place in draw(st.sets(st.integers(0, max(0, len(inner) - 1)), max_size=len(inner))):
            if inner:
                inner[place] = SKIPPED
    return [GOOD, *inner, BAD]


@given(one_change())
def test_one_change_is_found_as_by_looking_at_everything(history: list[Answer]) -> None:
    found, _ = bisect(history)
    assert isinstance(found, Found)
    assert [found.change] == brute(history, SKIPPED)
    assert found.others == ()


@given(one_change(skips=False), st.integers(1, 8))
def test_without_skips_probes_and_rounds_are_as_few_as_can_be(history: list[Answer], width: int) -> None:
    _, single = bisect(history)
    assert len(single.asked) - 2 <= most(len(history)) == search.rounds(len(history) - 2, 1)
    _, several = bisect(history, width=width)
    rounds_for_ends = 1 if width > 1 else 2
    assert len(several.rounds) - rounds_for_ends <= search.rounds(len(history) - 2, width)
    assert len(several.rounds) <= len(single.rounds)
    assert max(several.rounds) <= max(width, 2 if width > 1 else 1)


@given(one_change())
def test_each_skip_costs_little_more_than_itself(history: list[Answer]) -> None:
    _, prober = bisect(history)
    met = sum(history[place] is SKIPPED for place in prober.asked)
    assert len(prober.asked) - 2 <= most(len(history)) + 2 * met


def test_thirty_eight_releases_take_the_ends_and_six_between() -> None:
    counts = {len(bisect([GOOD] * n + [BAD] * (38 - n))[1].asked) - 2 for n in range(1, 38)}
    assert max(counts) <= 6


@given(middles, st.sampled_from([SKIPPED, BAD, GOOD]), st.integers(1, 5))
def test_on_any_history_the_change_is_a_true_one(middle: list[str], third: Answer, width: int) -> None:
    history = read("g" + "".join(middle) + "b")
    found, _ = bisect(history, third=third, width=width)
    counted = [third if answer is THIRD else answer for answer in history]
    assert isinstance(found, Found)
    for change in (found.change, *found.others):
        assert {counted[change.before], counted[change.after]} == {GOOD, BAD}
    assert (counted[found.change.before], counted[found.change.after]) == (GOOD, BAD)
    assert all(counted[place] is SKIPPED for place in range(found.change.before + 1, found.change.after))


@given(middles, st.data())
def test_what_is_known_is_not_asked_again(middle: list[str], data: st.DataObject) -> None:
    history = read("g" + "".join(middle) + "b")
    known = data.draw(st.sets(st.integers(0, len(history) - 1)))
    _, prober = bisect(history, {place: history[place] for place in known})
    assert not known & set(prober.asked)


@given(middles)
def test_all_known_costs_nothing_and_gives_the_last_change(middle: list[str]) -> None:
    history = read("g" + "".join(middle) + "b")
    found, prober = bisect(history, dict(enumerate(history)))
    assert prober.asked == []
    assert isinstance(found, Found)
    counted = [SKIPPED if answer is THIRD else answer for answer in history]
    assert [*found.others, found.change] == brute(counted, SKIPPED)


@given(middles, st.integers(1, 4))
def test_an_interrupted_search_goes_on_the_same_way(middle: list[str], width: int) -> None:
    history = read("g" + "".join(middle) + "b")
    _, whole = bisect(history, width=width)
    for stop in range(len(whole.rounds)):
        begun = whole.asked[: sum(whole.rounds[:stop])]
        _, rest = bisect(history, {place: history[place] for place in begun}, width=width)
        assert begun + rest.asked == whole.asked


@given(middles, st.randoms(use_true_random=False))
def test_flaky_answers_end_at_neighbours_that_said_good_and_bad(middle: list[str], random: object) -> None:
    history = read("g" + "".join(middle) + "b")
    choose = random.choice  # type: ignore[attr-defined]
    flaky = [GOOD, *(choose([answer, GOOD, BAD, SKIPPED]) for answer in history[1:-1]), BAD]
    found, prober = bisect(flaky)
    assert isinstance(found, Found)
    assert {found.change.before, found.change.after} <= set(prober.asked)


@given(middles, st.randoms(use_true_random=False), st.integers(1, 4), st.data())
def test_ties_are_decided_the_same_way_in_whatever_order_the_answers_came(
    middle: list[str], random: object, width: int, data: st.DataObject
) -> None:
    history = read("g" + "".join(middle) + "b")
    places = data.draw(st.sets(st.integers(0, len(history) - 1)))
    shuffled = list(places)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    steps = [
        search.bisect(len(history), {place: history[place] for place in order}, width=width)
        for order in (sorted(places), shuffled)
    ]
    assert steps[0] == steps[1]
    every = [
        search.find_all(len(history), {place: history[place] for place in order}, width=width, grain=2)
        for order in (sorted(places), shuffled)
    ]
    assert every[0] == every[1]


@given(st.integers(2, 80), st.integers(0, 78), st.integers(1, 79))
def test_each_probe_halves_what_is_left_and_the_earlier_of_two_is_taken(count: int, good: int, bad: int) -> None:
    good, bad = min(good, count - 2), min(max(bad, min(good, count - 2) + 1), count - 1)
    step = search.bisect(count, {0: GOOD, good: GOOD, bad: BAD, count - 1: BAD})
    if bad - good == 1:
        assert step == Found(change=Change(before=good, after=bad))
    else:
        assert isinstance(step, Ask)
        (place,) = step.candidates
        # What is left on the worse side is as little as any choice could leave.
        assert max(place - good - 1, bad - place - 1) == (bad - good - 1) // 2


@given(one_change(skips=False), st.data())
def test_what_is_known_never_makes_a_search_longer(history: list[Answer], data: st.DataObject) -> None:
    known = data.draw(st.sets(st.integers(0, len(history) - 1)))
    _, prober = bisect(history, {place: history[place] for place in known})
    assert len(prober.asked) <= 2 + most(len(history))


@given(one_change(), st.data())
def test_what_repeated_runs_disagreed_on_hides_no_more_than_itself(history: list[Answer], data: st.DataObject) -> None:
    """A flaky candidate is skipped: the change is then where it is, or the flaky ones are among the suspects."""
    inner = st.sets(st.integers(1, max(1, len(history) - 2)), max_size=5)
    flaky = data.draw(inner) if len(history) > 2 else set()
    seen = [SKIPPED if place in flaky else answer for place, answer in enumerate(history)]
    found, _ = bisect(seen)
    assert isinstance(found, Found)
    (true,) = brute(history, SKIPPED)
    assert found.change.before <= true.before < true.after <= found.change.after
    assert set(range(found.change.before + 1, found.change.after)) <= flaky | {
        place for place, answer in enumerate(history) if answer is SKIPPED
    }


@pytest.mark.parametrize(
    ("history", "first", "last"),
    [("bb", BAD, BAD), ("gg", GOOD, GOOD), ("bgg", BAD, GOOD), ("sgb", SKIPPED, BAD), ("gb3", GOOD, THIRD)],
)
def test_ends_that_are_wrong_are_told_before_anything_else(history: str, first: Answer, last: Answer) -> None:
    found, prober = bisect(read(history))
    assert found == WrongEnds(first=first, last=last)
    assert sorted(prober.asked) == [0, len(history) - 1]


def test_what_can_not_be_decided_names_its_suspects() -> None:
    found, _ = bisect(read("ggsssbb"))
    assert isinstance(found, Found)
    assert (found.change.before, found.change.after) == (1, 5)
    assert found.change.suspects == (2, 3, 4, 5)
    assert not found.change.certain


def test_a_wide_hole_is_left_by_steps_that_grow() -> None:
    """Twenty neighbours that can't be had must not be tried one by one."""
    history = read("g" * 60 + "s" * 20 + "g" * 15 + "b" * 25)
    found, prober = bisect(history)
    assert isinstance(found, Found)
    assert found.change == Change(before=94, after=95)
    assert len(prober.asked) <= 16


def test_probes_at_once_are_no_more_than_save_a_round() -> None:
    history = [GOOD, GOOD, GOOD, BAD]
    assert bisect(history, width=8)[1].rounds == [2, 2]
    assert bisect([GOOD] * 5 + [BAD], width=3)[1].rounds[1] == 2  # four unknown: three at once need two rounds as well


# --- every change ------------------------------------------------------------------------------------------------

signatures = st.one_of(st.sampled_from("abc"), st.just(SKIP))
histories = st.lists(signatures, min_size=2, max_size=40)


@given(histories, st.integers(1, 6), st.none() | st.integers(1, 6))
def test_every_change_that_is_told_is_one(history: list[object], width: int, grain: int | None) -> None:
    changes, _ = find_all(history, width=width, grain=grain)
    assert set(changes) <= {change for change in _pairs(history) if history[change.before] != history[change.after]}


def _pairs(history: Sequence[object]) -> list[Change]:
    """Candidates with nothing but skipped ones between."""
    places = [place for place, value in enumerate(history) if value is not SKIP]
    return [Change(before=a, after=b) for a, b in pairwise(places)]


@given(histories, st.integers(1, 6))
def test_probing_all_finds_all(history: list[object], width: int) -> None:
    assert find_all(history, width=width, grain=1)[0] == brute(history)


@given(histories)
def test_all_known_costs_nothing_and_finds_all(history: list[object]) -> None:
    changes, prober = find_all(history, dict(enumerate(history)))
    assert changes == brute(history)
    assert prober.asked == []


@st.composite
def in_runs(draw: st.DrawFn, *, shortest: int, distinct: bool) -> list[object]:
    lengths = draw(st.lists(st.integers(shortest, 9), min_size=1, max_size=6))
    names = list(range(len(lengths))) if distinct else [i % 2 for i in range(len(lengths))]
    return [name for name, length in zip(names, lengths, strict=True) for _ in range(length)]


@given(in_runs(shortest=1, distinct=True), st.integers(1, 4))
def test_behaviours_that_never_return_are_all_found(history: list[object], width: int) -> None:
    changes, prober = find_all(history, width=width)
    assert changes == brute(history)
    if width == 1:
        per_change = max(1, most(max(2, len(history))))
        assert len(prober.asked) - 2 <= max(1, len(changes)) * per_change


@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), in_runs(shortest=n, distinct=False))))
def test_flips_that_last_as_long_as_the_grain_are_all_found(drawn: tuple[int, list[object]]) -> None:
    grain, history = drawn
    assert find_all(history, grain=grain)[0] == brute(history)


@given(in_runs(shortest=8, distinct=False))
def test_a_coarser_grain_takes_fewer_probes(history: list[object]) -> None:
    fine, coarse = find_all(history, grain=1)[1], find_all(history, grain=8)[1]
    assert len(fine.asked) == len(history)
    assert len(coarse.asked) <= len(fine.asked)


@given(in_runs(shortest=1, distinct=False), st.integers(1, 8))
def test_the_probes_of_a_search_for_all_are_bounded(history: list[object], grain: int) -> None:
    changes, prober = find_all(history, grain=grain)
    count = len(history)
    assert len(prober.asked) <= count
    assert len(prober.asked) <= 2 + 2 * count / grain + len(changes) * max(1, most(max(2, count)))


def test_alike_ends_without_a_grain_cost_two_probes() -> None:
    changes, prober = find_all(list("aabbbaa"))
    assert changes == []
    assert prober.asked == [0, 6]


def test_an_end_that_can_not_be_had_gives_way_to_its_nearest_neighbour() -> None:
    changes, _ = find_all([SKIP, SKIP, *"aaabbb", SKIP])
    assert changes == [Change(before=4, after=5)]
