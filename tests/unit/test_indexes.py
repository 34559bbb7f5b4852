"""Indexes: whether one can be reached, and what stands in for one that is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.matrix.config import Build
from scripts.sources import indexes
from tests.support.index import Fault, LocalIndex
from tests.support.torches import build_torch


@pytest.fixture
def builds() -> dict[str, Build]:
    """Builds whose index is made reachable or not by a double of `indexes.Checks`."""
    index = "https://example.org/{}"
    return {
        "cpu": Build(releases=">=0", index=index.format("cpu"), fallback="cu124", gpu=False),
        "cu124": Build(releases=">=0", index=index.format("cu124"), fallback="default", gpu=True),
        "default": Build(releases=">=0"),
        "alone": Build(releases=">=0", index=index.format("alone")),
    }


class Checks(indexes.Checks):
    """Finds only what ends in one of some names."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def __call__(self, url: str) -> indexes.Reach:
        ok = url.endswith(self.names)
        return indexes.Reach(ok=ok, seconds=0.0, problem=None if ok else "down")


def test_a_build_comes_from_its_own_index_where_that_is_up(builds: dict[str, Build]) -> None:
    assert indexes.source("cpu", builds, Checks("cpu")) == indexes.Source(build="cpu", index="https://example.org/cpu")
    assert indexes.source("default", builds, Checks()) == indexes.Source(build="default", index=None)


def test_fallbacks_are_taken_in_turn_and_the_gpu_stays_as_asked(builds: dict[str, Build]) -> None:
    found = indexes.source("cpu", builds, Checks("cu124"))
    assert (found.build, found.index, found.gpu) == ("cu124", "https://example.org/cu124", False)
    assert found.fallback == "the index of cpu is out of reach (down), so cu124 was taken"
    found = indexes.source("cpu", builds, Checks("none"))
    assert (found.build, found.index) == ("default", None)
    assert found.fallback == "the index of cpu is out of reach (down), so default was taken"


def test_nothing_behind_an_index_that_is_down(builds: dict[str, Build]) -> None:
    with pytest.raises(
        indexes.IndexUnreachableError, match=r"the index of alone is out of reach \(down\) and it has no"
    ):
        indexes.source("alone", builds, Checks("none"))


def test_one_look_at_an_index(tmp_path: Path) -> None:
    with LocalIndex() as index:
        index.add(build_torch("2.5.1"), channel="cpu")
        assert indexes.check(index.url("cpu")).ok
        assert indexes.check(index.url("cu124")).problem == f"{index.url('cu124')}/torch/ answers 404"
        index.fail("cpu", Fault.drop())
        assert not indexes.check(index.url("cpu")).ok
        with index.down():
            assert "refused" in str(indexes.check(index.url("cpu")).problem)
    assert not indexes.check("https://[nonsense").ok
    assert not indexes.check(tmp_path.as_uri()).ok
    (tmp_path / "torch").mkdir()
    assert indexes.check(tmp_path.as_uri()).ok


def test_an_index_is_looked_at_once_a_run() -> None:
    with LocalIndex() as index:
        index.add(build_torch("2.5.1"), channel="cpu")
        checks = indexes.Checks()
        assert {checks(index.url("cpu")).ok for _ in range(3)} == {True}
        assert len(index.requests) == 1
