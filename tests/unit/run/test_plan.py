"""The cells that a change of matrix.toml affects, and changed files in git."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config import cells, matrix_toml, suite
from scripts.config.cell import Cell
from scripts.core import paths
from scripts.core import repository as history
from scripts.core.errors import UsageError
from scripts.run.plan import Inputs, affected
from tests.support.hub.store import git

TEXT = paths.MATRIX_TOML.read_text("utf-8")
MATRIX = matrix_toml.parse(TEXT)
CELLS = cells.expand(MATRIX, MATRIX.selections["matrix"])


def inputs(text: str) -> Inputs:
    matrix = matrix_toml.parse(text)
    return Inputs(matrix=matrix, suite=suite.named(matrix))


def releases_affected(before: str, now: str = TEXT) -> list[str]:
    found = affected(inputs(before), inputs(now), CELLS, existed=lambda _: True)
    return [cell.torch for cell in found]


def test_timeouts_and_reasons_affect_no_cell() -> None:
    assert releases_affected(TEXT) == []
    assert (
        releases_affected(TEXT.replace("probe = 120", "probe = 99").replace("the first tensor warns", "it warns")) == []
    )


def test_a_pin_affects_its_releases() -> None:
    before = TEXT.replace('require = "setuptools<70"', 'require = "setuptools<60"')
    assert releases_affected(before) == ["1.10.2", "1.11.0"]


def test_an_index_affects_the_cells_of_its_build() -> None:
    assert releases_affected(TEXT.replace("whl/cu130", "whl/other")) == ["2.13.0"]


def test_requirements_of_the_suite_affect_every_cell() -> None:
    assert len(releases_affected(TEXT.replace("pytest>=7,<10", "pytest>=7,<9"))) == len(CELLS)


def test_a_new_cell_is_affected() -> None:
    earlier = {cell for cell in CELLS if cell.torch != "2.15.0"}
    found = affected(inputs(TEXT), inputs(TEXT), CELLS, existed=earlier.__contains__)
    assert found == [Cell.parse("2.15.0-cpu-py3.11")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / "test_a.py").write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")
    return tmp_path


def test_git_returns_files_as_they_were(repository: Path) -> None:
    commit = history.commit_of("HEAD", repository)
    probes = repository / "probes"
    assert not history.changed(commit, probes, repository)
    (probes / "test_a.py").write_text("2")
    assert history.changed(commit, probes, repository)
    assert history.text_at(commit, probes / "test_a.py", repository) == "1"
    assert history.text_at(commit, probes / "none.py", repository) is None


def test_a_new_file_is_a_change(repository: Path) -> None:
    (repository / "probes" / "test_b.py").write_text("2")
    assert history.changed("HEAD", repository / "probes", repository)


@pytest.mark.parametrize("ref", ["nonsense", "--help", "HEAD:probes", ""])
def test_a_ref_that_is_not_a_commit_is_refused(repository: Path, ref: str) -> None:
    with pytest.raises(UsageError, match=r"no commit"):
        history.commit_of(ref, repository)
