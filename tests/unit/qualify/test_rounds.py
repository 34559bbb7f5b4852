"""How a qualification goes, over a probe that is made up: what is run, what again, and what is spared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.matrix.config import Qualify
from scripts.qualify import cells as qualify_run
from scripts.qualify import comparing, rounds
from scripts.qualify.model import Lane, Seen
from scripts.qualify.rounds import Ask, Bench
from scripts.results.records import Observation, Record
from tests.support.lanes import failed, lane, new, raised, record, seen, warned


class Probe:
    """Answers from tables: the records that a side shows, in turn, and the last of them from then on."""

    def __init__(self, candidate: Sequence[Record], baseline: Sequence[Record]) -> None:
        self.answers = {"candidate": list(candidate), "baseline": list(baseline)}
        self.asked: list[tuple[str, bool]] = []
        self.turns: dict[Ask, int] = {}

    def __call__(self, asked: Sequence[Ask], again: bool) -> Mapping[Ask, Seen]:
        found = {}
        for one in asked:
            self.asked.append((one.side, again))
            turn = self.turns[one] = self.turns.get(one, -1) + 1
            answers = self.answers[one.side]
            found[one] = seen(answers[min(turn, len(answers) - 1)])
        return found

    def runs(self, *lanes: Lane, accepted: Record | None = None, fits: bool = True, runs: int = 2) -> list[Lane]:
        def known(_lane: Lane, candidate: Seen | None) -> Seen | None:
            if accepted is None or (candidate is not None and not fits):
                return None
            return seen(accepted, origin="accepted")

        return list(rounds.qualify(lanes, Bench(probe=self, policy=Qualify(runs=runs), known=known)))


EMPTY = lane(None, None)
BAD = new({"trace": raised("no")})


def test_what_is_the_same_is_run_once() -> None:
    probe = Probe([new()], [record()])
    (one,) = probe.runs(EMPTY)
    assert probe.asked == [("candidate", False), ("baseline", False)]
    assert (len(one.candidate), len(one.baseline)) == (1, 1)


def test_what_differs_is_run_again_on_both_sides() -> None:
    probe = Probe([BAD], [record()])
    (one,) = probe.runs(EMPTY)
    assert probe.asked[2:] == [("candidate", True), ("baseline", True)]
    assert [change.confirmed for change in comparing.changes(one, Qualify().slow_import, 2)] == [True]


def test_only_lanes_that_differ_are_run_again() -> None:
    class Two(Probe):
        def __call__(self, asked: Sequence[Ask], again: bool) -> Mapping[Ask, Seen]:
            found = dict(super().__call__(asked, again))
            return {ask: seen(record()) if ask.cell.python == "3.12" else one for ask, one in found.items()}

    probe = Two([BAD], [record()])
    lanes = probe.runs(EMPTY, lane(None, None, python="3.12"))
    assert [len(one.candidate) for one in lanes] == [2, 1]


def test_more_runs_find_what_two_do_not() -> None:
    probe = Probe([BAD, BAD, new()], [record()])
    (one,) = probe.runs(EMPTY, runs=3)
    assert [change.category for change in comparing.changes(one, Qualify().slow_import, 3)] == ["flaky"]


def test_a_missing_wheel_is_not_run() -> None:
    probe = Probe([new()], [record()])
    lanes = probe.runs(EMPTY, lane(None, None, python="3.13", missing=True))
    assert len(probe.asked) == 2
    assert lanes[1].candidate == ()


def test_lanes_that_share_a_baseline_run_it_once() -> None:
    probe = Probe([new()], [record()])
    other = lane(None, None, python="3.14").model_copy(update={"baseline_cell": EMPTY.baseline_cell})
    lanes = probe.runs(EMPTY, other)
    assert probe.asked.count(("baseline", False)) == 1
    assert all(len(one.baseline) == 1 for one in lanes)


def test_accepted_results_spare_the_baseline() -> None:
    probe = Probe([new()], [record()])
    (one,) = probe.runs(EMPTY, accepted=record())
    assert probe.asked == [("candidate", False)]
    assert [s.origin for s in one.baseline] == ["accepted"]


@pytest.mark.parametrize(
    ("asked", "tested", "accepted", "fits"),
    [
        (("cpu", "cpu"), "cpu", "cpu", True),
        (("cpu", "cpu"), "cu132", "cpu", False),  # a fallback stood in for the candidate alone
        (("cpu", "cpu"), "cu132", "cu132", True),
        (("cpu", "cu130"), "cpu", "cpu", False),  # two builds of one release
        (("cpu", "cu130"), "cpu", "cu130", True),
        (("test.cpu", "cpu"), "cpu", "cpu", True),
    ],
)
def test_accepted_results_must_be_of_the_build_that_is_compared(
    asked: tuple[str, str], tested: str, accepted: str, fits: bool
) -> None:
    cells = {"candidate_cell": f"2.15.0-{asked[0]}-py3.11", "baseline_cell": f"2.14.1-{asked[1]}-py3.11"}
    one = EMPTY.model_copy(update=cells)
    assert qualify_run.comparable(record(build=accepted), new(build=tested), one) is fits


def test_accepted_results_of_other_probes_can_not_be_compared() -> None:
    other = record({"script": Observation(outcome="returned")})
    assert not qualify_run.comparable(other, new(), EMPTY)
    assert qualify_run.comparable(other, failed("import failed"), EMPTY)


def test_accepted_results_that_do_not_fit_are_not_used() -> None:
    probe = Probe([new()], [record()])
    (one,) = probe.runs(EMPTY, accepted=record(), fits=False)
    assert probe.asked == [("candidate", False), ("baseline", False)]
    assert [s.origin for s in one.baseline] == ["run"]


def test_where_something_differs_accepted_results_give_way_to_two_runs_here() -> None:
    probe = Probe([BAD], [record()])
    (one,) = probe.runs(EMPTY, accepted=record())
    assert probe.asked == [("candidate", False), ("baseline", False), ("candidate", True), ("baseline", True)]
    assert [s.origin for s in one.baseline] == ["run", "run"]
    assert one.note is None


def test_accepted_results_that_tell_otherwise_are_named() -> None:
    probe = Probe([BAD], [BAD])
    (one,) = probe.runs(EMPTY, accepted=record())
    assert comparing.changes(one, Qualify().slow_import, 2) == []
    assert one.note == "results/ tells otherwise of trace in 2.14.1-cpu-py3.11"


def test_a_cell_that_can_not_be_had_is_not_run_again() -> None:
    probe = Probe([failed("no interpreter", status="unavailable", stage="interpreter")], [record()])
    probe.runs(EMPTY)
    assert len(probe.asked) == 2


def test_an_import_that_seems_slow_is_timed_against_the_baseline_and_nothing_is_run_again() -> None:
    def probe(asked: Sequence[Ask], _again: bool) -> Mapping[Ask, Seen]:
        return {
            ask: seen(new(), seconds=9.0) if ask.side == "candidate" else seen(record(), seconds=2.0) for ask in asked
        }

    timed: list[tuple[Ask, Ask]] = []

    def time(baseline: Ask, candidate: Ask) -> tuple[float, float]:
        timed.append((baseline, candidate))
        return 2.0, 2.1

    (one,) = rounds.qualify([EMPTY], Bench(probe=probe, policy=Qualify(), time=time))
    assert [[ask.side for ask in pair] for pair in timed] == [["baseline", "candidate"]]
    assert (one.imports, len(one.candidate)) == ((2.0, 2.1), 1)


shows = st.sampled_from([Observation(outcome="returned"), raised("no"), warned("soon")])
sides = st.lists(shows.map(lambda one: {"trace": one}), min_size=1, max_size=4)


@given(sides, sides, st.integers(2, 4), st.booleans())
def test_whatever_is_seen_it_ends_and_only_steady_differences_are_confirmed(
    after: list[dict[str, Observation]], before: list[dict[str, Observation]], runs: int, accepted: bool
) -> None:
    probe = Probe([new(table) for table in after], [record(table) for table in before])
    (one,) = probe.runs(EMPTY, runs=runs, accepted=record(before[0]) if accepted else None)
    assert 1 <= len(one.candidate) <= runs
    assert len(probe.asked) <= 2 * runs
    for change in comparing.changes(one, Qualify().slow_import, runs):
        if change.category == "flaky":
            assert not change.confirmed
        else:
            assert change.confirmed
            assert len({s.record.observations["trace"] for s in one.candidate}) == 1
            assert len({s.record.observations["trace"] for s in one.baseline}) == 1
