"""Shards and jobs hold every cell once, cost about the same, and do not depend on the order of the plan."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import cells as cells_module
from scripts.config import matrix_toml, runners
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core.errors import UsageError
from scripts.run import jobs as scheduling
from scripts.run.plan import Planned

MATRIX = matrix_toml.load()

cells = st.builds(
    Cell,
    torch=st.builds("{}.{}.{}".format, st.integers(1, 2), st.integers(0, 9), st.integers(0, 2)),
    build=st.sampled_from(["cpu", "cu124"]),
    python=st.sampled_from(["3.9", "3.11"]),
)
planned = st.builds(
    Planned,
    cell=cells,
    platform=st.sampled_from(["linux-x86_64", "windows-x86_64"]),
    runner=st.none() | st.sampled_from(["linux-x86_64", "windows-x86_64"]),
    index=st.just("default"),
    current=st.booleans(),
    wheels=st.none() | st.integers(1, 10**10),
    to_come=st.none(),
    seconds=st.none() | st.floats(0.1, 1000),
)
plans = st.lists(planned, unique_by=lambda item: item.sort_key, max_size=40)
shuffled = plans.flatmap(lambda plan: st.tuples(st.just(plan), st.permutations(plan)))
counts = st.integers(1, 300)


def shards(plan: list[Planned], count: int) -> list[list[Planned]]:
    return [scheduling.shard(plan, number, count) for number in range(1, count + 1)]


def group(item: Planned) -> tuple[str, str, str]:
    return item.platform, item.cell.torch.rpartition(".")[0], item.cell.build


def ids(items: list[Planned]) -> list[str]:
    return sorted(f"{item.platform} {item.cell.id}" for item in items)


@given(plans, st.integers(1, 6))
def test_every_cell_is_in_exactly_one_shard(plan: list[Planned], count: int) -> None:
    assert ids(list(itertools.chain.from_iterable(shards(plan, count)))) == ids(plan)


@given(shuffled, st.integers(1, 6))
def test_shards_do_not_depend_on_the_order_of_the_cells(plan: tuple[list[Planned], list[Planned]], count: int) -> None:
    assert shards(plan[0], count) == shards(plan[1], count)


@given(plans, st.integers(1, 6))
def test_shards_do_not_depend_on_recorded_durations(plan: list[Planned], count: int) -> None:
    other = [Planned(**{**vars(item), "seconds": 1.0, "wheels": 5}) for item in plan]
    assert list(map(ids, shards(plan, count))) == list(map(ids, shards(other, count)))


@given(plans, st.integers(1, 6))
def test_shards_have_similar_numbers_of_cells(plan: list[Planned], count: int) -> None:
    sizes = [len(shard) for shard in shards(plan, count)]
    assert max(sizes) <= len(plan) / count + max(1, len(plan) / count)


@given(plans, counts)
def test_every_cell_with_a_runner_is_in_exactly_one_job(plan: list[Planned], count: int) -> None:
    jobs = scheduling.jobs(plan, count)
    assert ids([item for job in jobs for item in job.cells]) == ids([item for item in plan if item.runner])
    assert all(item.runner == job.runner for job in jobs for item in job.cells)
    assert len({job.name for job in jobs}) == len(jobs)
    assert all(job.cells for job in jobs)


@given(plans, counts)
def test_the_number_of_jobs_is_limited(plan: list[Planned], count: int) -> None:
    needed = len({item.runner for item in plan if item.runner})
    assert len(scheduling.jobs(plan, count)) <= min(scheduling.MOST_JOBS, max(count, needed))
    assert len(scheduling.jobs(plan)) <= scheduling.MOST_JOBS


@given(shuffled, counts)
def test_jobs_do_not_depend_on_the_order_of_the_cells(plan: tuple[list[Planned], list[Planned]], count: int) -> None:
    assert scheduling.jobs(plan[0], count) == scheduling.jobs(plan[1], count)


@given(plans, counts)
def test_no_job_costs_more_than_the_mean_plus_the_costliest_piece(plan: list[Planned], count: int) -> None:
    cost = scheduling.estimate(plan)
    costs: dict[str, list[float]] = {}
    for item in plan:
        if item.runner:
            costs.setdefault(item.runner, []).append(cost(item))
    counts_by_runner = scheduling._apportioned(costs, min(scheduling.MOST_JOBS, max(count, len(costs))))
    for job in scheduling.jobs(plan, count):
        mean = sum(costs[job.runner]) / counts_by_runner[job.runner]
        assert sum(map(cost, job.cells)) <= mean + max(mean, *costs[job.runner]) + 1e-6


@given(st.dictionaries(st.text(max_size=3), st.lists(st.floats(1, 100), min_size=1), max_size=4), counts)
def test_every_runner_gets_between_one_job_and_one_for_each_cell(costs: dict[str, list[float]], count: int) -> None:
    numbers = scheduling._apportioned(costs, count)
    assert numbers.keys() == costs.keys()
    assert all(1 <= numbers[runner] <= len(items) for runner, items in costs.items())
    cells = sum(map(len, costs.values()))
    assert sum(numbers.values()) == min(max(count, len(costs)), cells)


def full(matrix: Matrix, *platforms: str) -> list[Planned]:
    found = cells_module.expand(matrix, matrix.selections["full"])
    return [
        Planned(
            cell=cell,
            platform=platform,
            runner=runners.runner_for(matrix, platform, cell),
            index="default",
            current=False,
            wheels=None,
            to_come=None,
            seconds=None,
        )
        for platform in platforms
        for cell in found
    ]


def test_cells_that_share_wheels_stay_in_one_job_if_jobs_stay_balanced() -> None:
    jobs = scheduling.jobs(full(MATRIX, "linux-x86_64"), 8)
    groups = [{group(item) for item in job.cells} for job in jobs]
    assert len(jobs) == 8
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_the_whole_matrix_on_all_platforms_fits_one_job_matrix() -> None:
    plan = full(MATRIX, *runners.platforms(MATRIX))
    jobs = scheduling.jobs(plan, 1000)
    assert scheduling.MOST_JOBS * 0.9 < len(jobs) <= scheduling.MOST_JOBS
    sizes = [len(job.cells) for job in jobs]
    assert max(sizes) - min(sizes) <= 2


@pytest.mark.parametrize(
    ("platform", "cell", "runner"),
    [
        ("linux-x86_64", "1.9.1-cpu-py3.9", "linux-x86_64"),
        ("linux-aarch64", "1.9.1-cpu-py3.9", None),
        ("macos-aarch64", "1.13.1-cpu-py3.11", None),
        ("macos-aarch64", "2.0.0-cpu-py3.11", "macos-aarch64"),
        ("macos-aarch64", "2.5.1-cu124-py3.11", None),
        ("windows-x86_64", "2.5.1-cu124-py3.11", "windows-x86_64"),
        ("linux-x86_64", "2.5.1-cu124-py3.8", None),
        ("linux-x86_64", "2.16.0.dev20261101-cpu-py3.13", "linux-x86_64"),
    ],
)
def test_a_cell_runs_on_the_runner_of_its_platform_if_wheels_exist(
    platform: str, cell: str, runner: str | None
) -> None:
    assert runners.runner_for(MATRIX, platform, Cell.parse(cell)) == runner


def test_a_build_that_needs_a_gpu_runs_on_a_gpu_runner() -> None:
    gpu = MATRIX.builds["cu124"].model_copy(update={"gpu": True})
    matrix = MATRIX.model_copy(update={"builds": {**MATRIX.builds, "cu124": gpu}})
    cell = Cell.parse("2.5.1-cu124-py3.11")
    assert runners.runner_for(matrix, "linux-x86_64", cell) == "gpu"
    assert runners.runner_for(matrix, "windows-x86_64", cell) is None


def test_platforms_are_those_with_a_runner() -> None:
    known = ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64"]
    assert runners.chosen(MATRIX, ["all"]) == known
    assert runners.chosen(MATRIX, ["windows-x86_64"]) == ["windows-x86_64"]
    with pytest.raises(UsageError, match="did you mean 'linux-x86_64'"):
        runners.chosen(MATRIX, ["linux-x86-64"])


def test_estimates_use_the_last_duration_then_the_wheels_then_similar_cells() -> None:
    plan = full(MATRIX, "linux-x86_64")[:3]
    known = [Planned(**{**vars(plan[0]), "seconds": 60.0}), Planned(**{**vars(plan[1]), "wheels": 3 * 10**8}), plan[2]]
    assert list(map(scheduling.estimate(known), known)) == [60.0, 3.0, 60.0]
    assert scheduling.estimate(plan)(plan[0]) > 0


@given(plans.filter(lambda plan: any(item.runner for item in plan)), st.integers(1, 50), st.floats(0, 100))
def test_simulated_time_lies_between_the_longest_job_and_the_sum(
    plan: list[Planned], machines: int, setup: float
) -> None:
    found = scheduling.simulate(plan, machines, setup=setup)
    assert max(found.longest, found.work / machines) <= found.wall * (1 + 1e-9)
    assert found.wall <= found.work * (1 + 1e-9)
    alone = scheduling.simulate(plan, 1, setup=setup)
    assert alone.wall == pytest.approx(alone.work)
