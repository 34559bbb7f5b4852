"""Pairing cells of candidate and baseline, local candidates, and the policy in matrix.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import matrix_toml, versions
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import paths
from scripts.core.errors import ConfigError, UsageError
from scripts.index.sources import Source
from scripts.qualify import candidates
from scripts.qualify import pairs as pairing
from scripts.qualify.candidates import AvailableVersion
from scripts.qualify.model import CellPair
from scripts.qualify.pairs import Baseline
from scripts.run import resolution
from tests.support.torches import build_torch

MATRIX = matrix_toml.load()
PLATFORM = "linux-x86_64"


def available(
    version: str = "2.15.0", *, build: str = "cpu", pythons: frozenset[str] | None = None
) -> AvailableVersion:
    return AvailableVersion(
        version=version,
        channel="release",
        where="",
        matrix=MATRIX,
        builds={build: build},
        pythons={build: pythons},
    )


def pairs(
    candidate: AvailableVersion, baseline: Baseline, *, matrix: Matrix = MATRIX, **options: Any
) -> list[CellPair]:
    return pairing.pairs(matrix, candidate, baseline, **{"python": None, "selection": None, **options})


def test_every_python_of_the_candidate_beside_the_same_of_the_baseline() -> None:
    found = pairs(available(), Baseline(version="2.14.1"))
    assert [pair.python for pair in found] == ["3.11", "3.12", "3.13", "3.14"]
    assert [pair.baseline_cell for pair in found] == [f"2.14.1-cpu-py{pair.python}" for pair in found]
    assert not any(pair.missing or pair.stands_in for pair in found)


def test_a_python_that_the_candidate_has_and_matrix_toml_does_not_expect_is_run_too() -> None:
    found = pairs(available(pythons=frozenset({"3.10", "3.11"})), Baseline(version="2.14.1"))
    assert [(pair.python, pair.missing) for pair in found] == [
        ("3.10", False),
        ("3.11", False),
        ("3.12", True),
        ("3.13", True),
        ("3.14", True),
    ]


def test_a_baseline_without_this_python_is_replaced_by_the_nearest() -> None:
    found = pairs(available("2.9.0"), Baseline(version="2.8.0"))
    assert [(pair.python, pair.baseline_cell) for pair in found][-1] == ("3.14", "2.8.0-cpu-py3.13")
    assert "Python 3.14 → 3.13" in (found[-1].stands_in or "")


def test_a_baseline_without_this_build_is_replaced_by_the_nearest() -> None:
    found = pairs(available("2.12.0", build="cu132"), Baseline(version="2.11.0"), python="3.11")
    assert [pair.baseline_cell for pair in found] == ["2.11.0-cu130-py3.11"]
    assert "cu132 → cu130" in (found[0].stands_in or "")


def test_a_selection_narrows_the_pythons() -> None:
    found = pairs(available(), Baseline(version="2.14.1"), selection=MATRIX.selections["matrix"])
    assert [pair.python for pair in found] == ["3.11"]
    found = pairs(available(), Baseline(version="2.14.1"), selection=MATRIX.selections["full"])
    assert len(found) == 4


def test_two_builds_of_one_release() -> None:
    found = pairs(available("2.13.0"), Baseline(version="2.13.0", build="cu130"), python="3.11")
    assert [(p.candidate_cell, p.baseline_cell) for p in found] == [("2.13.0-cpu-py3.11", "2.13.0-cu130-py3.11")]


def test_candidate_and_baseline_cannot_be_the_same() -> None:
    with pytest.raises(UsageError, match="candidate and baseline are both"):
        pairs(available("2.14.1"), Baseline(version="2.14.1"), python="3.11")


def test_each_alternative_pin_has_its_own_pairs() -> None:
    policy = MATRIX.qualify.model_copy(update={"with_": ("numpy<2", "numpy>=2")})
    matrix = MATRIX.model_copy(update={"qualify": policy})
    found = pairs(available(pythons=frozenset({"3.11"})), Baseline(version="2.14.1"), matrix=matrix)
    assert len({pair.id for pair in found}) == len(found)
    assert [pair.id for pair in found if pair.pins] == ["cpu-py3.11 with numpy<2", "cpu-py3.11 with numpy>=2"]


@pytest.mark.parametrize(
    ("version", "before"), [("2.15.0", "2.14.1"), ("2.14.1", "2.14.0"), ("2.16.0.dev20261101", "2.15.0")]
)
def test_the_baseline_is_the_stable_release_before(version: str, before: str) -> None:
    assert pairing.previous([*MATRIX.releases, "2.15.1rc1"], version) == before


def test_nothing_comes_before_the_first_release() -> None:
    with pytest.raises(UsageError, match="--baseline"):
        pairing.previous(MATRIX.releases, "1.9.0")


pythons = st.integers(8, 15).map("3.{}".format)


@given(st.sets(pythons, min_size=1), pythons)
def test_the_nearest_python_is_available_and_none_is_nearer(available: set[str], wanted: str) -> None:
    found = pairing.nearest_python(available, wanted)
    assert found in available

    def minor(python: str) -> int:
        return int(python.split(".")[1])

    assert abs(minor(found) - minor(wanted)) == min(abs(minor(python) - minor(wanted)) for python in available)
    assert (found == wanted) == (wanted in available)


@given(st.sampled_from(sorted(MATRIX.builds)), st.sampled_from(MATRIX.releases))
def test_the_nearest_build_was_published(build: str, release: str) -> None:
    found = pairing.nearest_build(MATRIX, release, build)
    assert versions.matches(release, MATRIX.builds[found].releases)


# --- local wheels -------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "WHEELS", tmp_path / "state")
    return tmp_path / "state"


def from_wheels(*given_: Path, version: str | None = None, patterns: Any = None) -> AvailableVersion:
    return candidates.from_wheels(MATRIX, list(given_), version, patterns=patterns, platform=PLATFORM)


@pytest.mark.usefixtures("state")
def test_local_wheels_become_an_index_that_lists_only_them_with_their_hashes(tmp_path: Path) -> None:
    wheel = build_torch("2.15.0", tag="cp311-cp311-linux_x86_64")
    file = wheel.write(tmp_path / "with space")
    found = from_wheels(file)
    assert (found.version, found.channel, found.builds) == ("2.15.0", "wheels", {"cpu": "wheel.cpu"})
    assert (found.pythons, found.files) == ({"cpu": frozenset({"3.11"})}, {file: wheel.sha256})
    index = Path((found.matrix.builds["wheel.cpu"].index or "").removeprefix("file://"))
    page = (index / "torch" / "index.html").read_text("utf-8")
    assert f"{file.as_uri()}#sha256={wheel.sha256}" in page


@pytest.mark.usefixtures("state")
def test_another_wheel_of_the_same_name_gets_another_index(tmp_path: Path) -> None:
    first = from_wheels(build_torch("2.15.0").write(tmp_path))
    second = from_wheels(build_torch("2.15.0", git_version="c" * 40).write(tmp_path))
    assert first.matrix.builds["wheel.cpu"].index != second.matrix.builds["wheel.cpu"].index


@pytest.mark.usefixtures("state")
def test_wheels_for_other_platforms_only_leave_no_python(tmp_path: Path) -> None:
    found = from_wheels(build_torch("2.15.0", tag="cp311-cp311-win_amd64").write(tmp_path))
    assert found.pythons == {"cpu": frozenset()}


@pytest.mark.usefixtures("state")
def test_pythons_that_matrix_toml_lacks_are_noted(tmp_path: Path) -> None:
    found = from_wheels(build_torch("2.15.0", tag="cp313-cp313t-linux_x86_64").write(tmp_path))
    assert found.notes == ("not tested, as matrix.toml does not list it: Python 3.13t",)


@pytest.mark.usefixtures("state")
def test_a_build_that_no_wheel_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--build: no wheel of cu126; there are cpu"):
        from_wheels(build_torch("2.15.0").write(tmp_path), patterns=["cu126"])


def test_the_label_is_required_where_an_index_has_several() -> None:
    cell = Cell(torch="2.15.0", build="index.cpu", python="3.11")
    source = Source(build="index.cpu", index="https://example.org/whl", label="cpu")
    assert resolution.torch_requirements(cell, source) == ["torch==2.15.0+cpu"]
    plain = Source(build="index.default", index="https://example.org/whl", label="")
    assert resolution.torch_requirements(cell, plain) == ["torch===2.15.0"]


# --- the policy in matrix.toml ------------------------------------------------------------------------------------

TEXT = (paths.ROOT / "matrix.toml").read_text("utf-8").partition("[qualify]")[0]
EXPECTED = """
[[qualify.expected]]
observation = "trace"
releases = ">=2.15"
to = "ValueError"
reason = "so"
link = "https://example.org/1"
expires = 2027-01-01
"""


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('[qualify]\nblock = ["brokn"]', "qualify.block.0: Input should be 'broken'"),
        ('[qualify]\nblok = ["broken"]', "qualify.blok: unknown key 'blok'; did you mean 'block'?"),
        ('[qualify]\nblock = ["flaky"]\nwarn = ["flaky"]', "qualify.warn: 'flaky' is in both block and warn"),
        ('[qualify]\nwith = ["torch<2"]', "qualify.with.0: 'torch<2': torch itself is under test"),
        ('[qualify]\nwith = ["numpy<2", "numpy<2"]', "qualify.with.1: duplicate 'numpy<2'"),
        ('[qualify]\nwith = ["???"]', "qualify.with.0: '???' is not a PEP 508 requirement"),
        ("[qualify]\nruns = 1", "qualify.runs: Input should be greater than or equal to 2"),
        ("[qualify]\nenough = { share = 2 }", "qualify.enough.share: Input should be less than or equal to 1"),
        (EXPECTED.replace('to = "ValueError"', 'to = "("'), "qualify.expected.0.to: not a regular expression: '('"),
        (EXPECTED.replace('to = "ValueError"', ""), "qualify.expected.0: neither 'from' nor 'to'"),
        (EXPECTED.replace('link = "https://example.org/1"', ""), "qualify.expected.0.link: this key is required"),
        (EXPECTED.replace("2027-01-01", '"soon"'), "qualify.expected.0.expires: Input should be a valid date"),
        (EXPECTED.replace(">=2.15", "2.15"), "qualify.expected.0.releases: not a PEP 440 specifier: '2.15'"),
    ],
)
def test_a_bad_policy_is_refused_by_the_path_of_its_key(extra: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        matrix_toml.parse(TEXT + extra)
    assert any(words in problem for problem in caught.value.problems), caught.value.problems


def test_a_good_policy_is_read() -> None:
    policy = matrix_toml.parse(TEXT + EXPECTED + '[qualify]\nwith = ["numpy<2"]\n').qualify
    assert (policy.with_, policy.expected[0].to) == (("numpy<2",), "ValueError")
