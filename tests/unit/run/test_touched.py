"""What a change touches: pins and indexes of some cells, new cells; and what git says of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config import cells, matrix_toml
from scripts.config.cells import Cell
from scripts.core import paths
from scripts.core import repository as history
from scripts.core.errors import UsageError
from scripts.run import touched
from tests.support.hub.store import git

TEXT = paths.MATRIX_TOML.read_text("utf-8")
MATRIX = matrix_toml.parse(TEXT)
CELLS = cells.expand(MATRIX, MATRIX.selections["matrix"])


def since(before: str, now: str = TEXT) -> list[str]:
    found = touched.since(matrix_toml.parse(before), matrix_toml.parse(now), CELLS, was_there=lambda _: True)
    return [cell.torch for cell in found]


def test_nothing_changed() -> None:
    assert since(TEXT) == []
    assert since(TEXT.replace("probe = 120", "probe = 99").replace("the first tensor warns", "it warns")) == []


def test_a_pin_touches_the_releases_that_it_is_for() -> None:
    before = TEXT.replace('require = "setuptools<70"', 'require = "setuptools<60"')
    assert since(before) == ["1.10.2", "1.11.0"]


def test_an_index_touches_the_cells_of_its_build() -> None:
    assert since(TEXT.replace("whl/cu130", "whl/other")) == ["2.13.0"]


def test_what_the_probes_need_touches_everything() -> None:
    assert len(since(TEXT.replace("pytest>=7,<10", "pytest>=7,<9"))) == len(CELLS)


def test_a_new_cell_is_touched() -> None:
    there = {cell for cell in CELLS if cell.torch != "2.15.0"}
    found = touched.since(MATRIX, MATRIX, CELLS, was_there=there.__contains__)
    assert found == [Cell.parse("2.15.0-cpu-py3.11")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes" / "test_a.py").write_text("1")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")
    return tmp_path


def test_git_knows_files_as_they_were(repository: Path) -> None:
    commit = history.checked("HEAD", repository)
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
def test_what_is_no_commit_is_refused(repository: Path, ref: str) -> None:
    with pytest.raises(UsageError, match=r"git knows no commit"):
        history.checked(ref, repository)
