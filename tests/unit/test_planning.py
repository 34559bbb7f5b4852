"""Shards: every cell in exactly one, alike in cost, the same on every machine."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from scripts import planning
from scripts.cells import Cell
from scripts.planning import Planned

cells = st.builds(
    Cell,
    torch=st.builds("{}.{}.{}".format, st.integers(1, 2), st.integers(0, 9), st.integers(0, 2)),
    build=st.sampled_from(["cpu", "cu124"]),
    python=st.sampled_from(["3.9", "3.11"]),
)
planned = st.builds(
    Planned,
    cell=cells,
    index=st.just("default"),
    current=st.booleans(),
    wheels=st.none() | st.integers(1, 10**10),
    to_come=st.none(),
    seconds=st.none() | st.floats(0.1, 1000),
)
plans = st.lists(planned, unique_by=lambda item: item.cell.id, max_size=40)
counts = st.integers(1, 6)


def shards(plan: list[Planned], count: int) -> list[list[Planned]]:
    return [planning.shard(plan, number, count) for number in range(1, count + 1)]


def minor(item: Planned) -> str:
    return item.cell.torch.rpartition(".")[0]


@given(plans, counts)
def test_every_cell_is_in_exactly_one_shard(plan: list[Planned], count: int) -> None:
    found = list(itertools.chain.from_iterable(shards(plan, count)))
    assert sorted(item.cell.id for item in found) == sorted(item.cell.id for item in plan)


@given(plans.flatmap(lambda plan: st.tuples(st.just(plan), st.permutations(plan))), counts)
def test_the_order_of_the_cells_decides_nothing(plan: tuple[list[Planned], list[Planned]], count: int) -> None:
    assert shards(plan[0], count) == shards(plan[1], count)


@given(plans, counts)
def test_a_minor_release_stays_together(plan: list[Planned], count: int) -> None:
    held = [{minor(item) for item in shard} for shard in shards(plan, count)]
    assert sum(map(len, held)) == len({minor(item) for item in plan})


@given(plans, counts)
def test_no_shard_is_dearer_than_the_mean_and_the_dearest_group(plan: list[Planned], count: int) -> None:
    groups: dict[str, list[Planned]] = {}
    for item in plan:
        groups.setdefault(minor(item), []).append(item)
    costs = [planning._cost(group) for group in groups.values()]
    for shard in shards(plan, count):
        assert planning._cost(shard) <= sum(costs) / count + max(costs, default=0) + 1e-6


@given(plans, counts)
def test_a_shard_is_in_order(plan: list[Planned], count: int) -> None:
    for shard in shards(plan, count):
        assert shard == sorted(shard, key=lambda item: item.cell.sort_key)
