"""Cells: ids, order, and the expansion of selections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import cells, matrix_toml, versions
from scripts.config.cell import Cell
from scripts.core.errors import UsageError

MATRIX = matrix_toml.load()

releases = st.builds("{}.{}.{}".format, st.integers(1, 3), st.integers(0, 30), st.integers(0, 9))
any_cell = st.builds(
    lambda torch, build, python: Cell(torch=torch, build=build, python=python),
    releases | st.just("2.16.0.dev20261101") | st.just("2.16.0rc1"),
    st.sampled_from(["cpu", "default", "cu124", "rocm6.2"]),
    st.sampled_from(["3.8", "3.11", "3.14", "3.13t"]),
)


@given(any_cell)
def test_ids_round_trip(cell: Cell) -> None:
    assert Cell.parse(cell.id) == cell


@given(st.lists(any_cell, unique_by=lambda cell: cell.id))
def test_distinct_ids_have_distinct_slugs(found: list[Cell]) -> None:
    assert len({cell.slug for cell in found}) == len(found)


@pytest.mark.parametrize("text", ["", "2.5.1", "2.5.1-cpu", "2.5.1-cpu-3.11", "2.5.1-CPU-py3.11", "2.5.1-cpu-py2.7"])
def test_an_invalid_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"2\.5\.1-cpu-py3\.11"):
        Cell.parse(text)


def test_releases_are_in_version_order_not_in_text_order() -> None:
    chosen = cells.expand(MATRIX, MATRIX.selections["matrix"])
    assert [cell.torch for cell in chosen[:3]] == ["1.9.1", "1.10.2", "1.11.0"]
    assert chosen == sorted(chosen, key=lambda cell: cell.sort_key)


@given(st.lists(releases, min_size=1, unique=True))
def test_latest_patches_keeps_one_of_each_minor(found: list[str]) -> None:
    patches = cells.latest_patches(found)
    assert patches == sorted(patches, key=versions.version)
    for release in found:
        same = [k for k in patches if versions.version(k).release[:2] == versions.version(release).release[:2]]
        assert len(same) == 1
        assert versions.version(same[0]) >= versions.version(release)


def test_every_cell_of_every_selection_exists_and_is_tagged() -> None:
    known = cells.known(MATRIX)
    for cell, tags in known.items():
        assert cells.exists(MATRIX, cell), cell
        assert tags
    for name, selection in MATRIX.selections.items():
        assert {cell for cell, tags in known.items() if name in tags} == set(cells.expand(MATRIX, selection))


def test_full_takes_every_release_and_cuda_only_cuda_builds() -> None:
    full = cells.expand(MATRIX, MATRIX.selections["full"])
    assert {cell.torch for cell in full} == set(MATRIX.releases)
    assert all(cell.build.startswith("cu") for cell in cells.expand(MATRIX, MATRIX.selections["cuda"]))


def test_selecting_options_filter_cells() -> None:
    full = cells.expand(MATRIX, MATRIX.selections["full"])
    few = cells.filtered(full, torch=">=2.5,<2.6", build="c*", python="3.11")
    assert [cell.id for cell in few] == ["2.5.0-cpu-py3.11", "2.5.1-cpu-py3.11"]


def test_a_nightly_matches_by_its_order() -> None:
    assert versions.matches("2.16.0.dev20261101", ">=2.15")
    assert not versions.matches("2.16.0.dev20261101", ">=2.16")
