"""Rounds of a qualification with a fake runner: what runs once, what runs again, and what does not run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.model import Qualify
from scripts.qualify import accepted, comparing
from scripts.qualify.model import CellPair, Sample
from scripts.qualify.rounds import CellRequest, Samples, Side, run_rounds
from scripts.records.model import Observation, Record
from tests.support.pairs import RETURNED, failed, new, pair, raised, record, sample, unavailable, warned


class FakeRunner:
    """Returns the records of each side in order, and the last one from then on."""

    def __init__(
        self,
        candidate: Sequence[Record],
        baseline: Sequence[Record],
        *,
        accepted: Record | None = None,
        comparable: bool = True,
        import_seconds: tuple[float | None, float | None] = (None, None),
    ) -> None:
        self.records = {"candidate": candidate, "baseline": baseline}
        self.accepted_record, self.comparable = accepted, comparable
        self.import_seconds = dict(zip(("baseline", "candidate"), import_seconds, strict=True))
        self.requests: list[tuple[Side, bool]] = []
        self.timed: list[tuple[Side, Side]] = []
        self.counts: dict[CellRequest, int] = {}

    def run(self, requests: Sequence[CellRequest], *, repeat: bool) -> Samples:
        self.requests += [(request.side, repeat) for request in requests]
        return {request: self.sample(request) for request in requests}

    def sample(self, request: CellRequest) -> Sample:
        number = self.counts[request] = self.counts.get(request, -1) + 1
        records = self.records[request.side]
        return sample(records[min(number, len(records) - 1)], seconds=self.import_seconds[request.side])

    def accepted(self, pair: CellPair, candidate: Sample | None) -> Sample | None:
        if self.accepted_record is None or (candidate is not None and not self.comparable):
            return None
        return sample(self.accepted_record, origin="accepted")

    def time_imports(self, baseline: CellRequest, candidate: CellRequest) -> tuple[float, float]:
        self.timed.append((baseline.side, candidate.side))
        return 2.0, 2.1


def rounds(runner: FakeRunner, *pairs: CellPair, runs: int = 2) -> list[CellPair]:
    return list(run_rounds(pairs, runner, Qualify(runs=runs), lambda _: None))


EMPTY = pair(None, None)
BROKEN = new({"trace": raised("no")})


def test_what_is_the_same_runs_once() -> None:
    runner = FakeRunner([new()], [record()])
    (result,) = rounds(runner, EMPTY)
    assert runner.requests == [("candidate", False), ("baseline", False)]
    assert (len(result.candidate), len(result.baseline)) == (1, 1)


def test_what_differs_runs_again_on_both_sides() -> None:
    runner = FakeRunner([BROKEN], [record()])
    (result,) = rounds(runner, EMPTY)
    assert runner.requests[2:] == [("candidate", True), ("baseline", True)]
    assert [finding.confirmed for finding in comparing.findings(result, Qualify())] == [True]


def test_only_pairs_that_differ_run_again() -> None:
    class OnePython(FakeRunner):
        def sample(self, request: CellRequest) -> Sample:
            return sample(record()) if request.cell.python == "3.12" else super().sample(request)

    results = rounds(OnePython([BROKEN], [record()]), EMPTY, pair(None, None, python="3.12"))
    assert [len(result.candidate) for result in results] == [2, 1]


def test_more_runs_find_what_two_do_not() -> None:
    (result,) = rounds(FakeRunner([BROKEN, BROKEN, new()], [record()]), EMPTY, runs=3)
    assert [finding.category for finding in comparing.findings(result, Qualify(runs=3))] == ["flaky"]


def test_a_missing_wheel_does_not_run() -> None:
    runner = FakeRunner([new()], [record()])
    results = rounds(runner, EMPTY, pair(None, None, python="3.13", missing=True))
    assert len(runner.requests) == 2
    assert results[1].candidate == ()


def test_pairs_that_share_a_baseline_run_it_once() -> None:
    runner = FakeRunner([new()], [record()])
    sharing = pair(None, None, python="3.14").model_copy(update={"baseline_cell": EMPTY.baseline_cell})
    results = rounds(runner, EMPTY, sharing)
    assert runner.requests.count(("baseline", False)) == 1
    assert all(len(result.baseline) == 1 for result in results)


def test_accepted_results_replace_runs_of_the_baseline() -> None:
    runner = FakeRunner([new()], [record()], accepted=record())
    (result,) = rounds(runner, EMPTY)
    assert runner.requests == [("candidate", False)]
    assert [sample.origin for sample in result.baseline] == ["accepted"]


@pytest.mark.parametrize(
    ("requested", "tested", "in_results", "comparable"),
    [
        (("cpu", "cpu"), "cpu", "cpu", True),
        (("cpu", "cpu"), "cu132", "cpu", False),  # a fallback stood in for the candidate alone
        (("cpu", "cpu"), "cu132", "cu132", True),
        (("cpu", "cu130"), "cpu", "cpu", False),  # two builds of one release
        (("cpu", "cu130"), "cpu", "cu130", True),
        (("test.cpu", "cpu"), "cpu", "cpu", True),
    ],
)
def test_accepted_results_must_be_of_the_compared_build(
    requested: tuple[str, str], tested: str, in_results: str, comparable: bool
) -> None:
    cells = {"candidate_cell": f"2.15.0-{requested[0]}-py3.11", "baseline_cell": f"2.14.1-{requested[1]}-py3.11"}
    requested_pair = EMPTY.model_copy(update=cells)
    assert accepted.comparable(record(build=in_results), new(build=tested), requested_pair) is comparable


def test_accepted_results_of_other_tests_cannot_be_compared() -> None:
    of_other_tests = record({"script": RETURNED})
    assert not accepted.comparable(of_other_tests, new(), EMPTY)
    assert accepted.comparable(of_other_tests, failed("import failed"), EMPTY)


def test_incomparable_accepted_results_are_not_used() -> None:
    runner = FakeRunner([new()], [record()], accepted=record(), comparable=False)
    (result,) = rounds(runner, EMPTY)
    assert runner.requests == [("candidate", False), ("baseline", False)]
    assert [sample.origin for sample in result.baseline] == ["run"]


def test_where_something_differs_two_runs_replace_accepted_results() -> None:
    runner = FakeRunner([BROKEN], [record()], accepted=record())
    (result,) = rounds(runner, EMPTY)
    assert runner.requests == [("candidate", False), ("baseline", False), ("candidate", True), ("baseline", True)]
    assert [sample.origin for sample in result.baseline] == ["run", "run"]
    assert result.note is None


def test_accepted_results_that_runs_contradict_are_named() -> None:
    (result,) = rounds(FakeRunner([BROKEN], [BROKEN], accepted=record()), EMPTY)
    assert comparing.findings(result, Qualify()) == []
    assert result.note == "runs of 2.14.1-cpu-py3.11 differ from results/ in trace"


def test_an_unavailable_cell_does_not_run_again() -> None:
    runner = FakeRunner([unavailable()], [record()])
    rounds(runner, EMPTY)
    assert len(runner.requests) == 2


def test_an_import_that_seems_slow_is_timed_against_the_baseline_and_nothing_runs_again() -> None:
    runner = FakeRunner([new()], [record()], import_seconds=(2.0, 9.0))
    (result,) = rounds(runner, EMPTY)
    assert runner.timed == [("baseline", "candidate")]
    assert (result.imports, len(result.candidate)) == ((2.0, 2.1), 1)


observed = st.sampled_from([RETURNED, raised("no"), warned("soon")])
sides = st.lists(observed.map(lambda observation: {"trace": observation}), min_size=1, max_size=4)


@given(sides, sides, st.integers(2, 4), st.booleans())
def test_rounds_end_and_only_stable_differences_are_confirmed(
    after: list[dict[str, Observation]], before: list[dict[str, Observation]], runs: int, with_accepted: bool
) -> None:
    in_results = record(before[0]) if with_accepted else None
    runner = FakeRunner([new(table) for table in after], [record(table) for table in before], accepted=in_results)
    (result,) = rounds(runner, EMPTY, runs=runs)
    assert 1 <= len(result.candidate) <= runs
    assert len(runner.requests) <= 2 * runs
    for finding in comparing.findings(result, Qualify(runs=runs)):
        if finding.category == "flaky":
            assert not finding.confirmed
        else:
            assert finding.confirmed
            assert len({sample.record.observations["trace"] for sample in result.candidate}) == 1
            assert len({sample.record.observations["trace"] for sample in result.baseline}) == 1
