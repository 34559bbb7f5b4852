"""Suites: their names, what they take from matrix.toml, and the folders that lie apart."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from scripts.config import matrix_toml, suite
from scripts.core import paths
from scripts.core.errors import ConfigError, UsageError
from tests.unit.config.test_matrix_toml import GOOD

SUITES: Final = """
[suites.first]
path = "tests/first"
[suites.other]
path = "tests/other"
require = ["einops"]
env = { MINE = "1" }
limits = { probe = 7 }
order = ["test_b.py"]
plugins = false
description = "another one"
"""
MATRIX: Final = matrix_toml.parse(GOOD + SUITES)


def test_the_first_suite_is_the_default() -> None:
    assert suite.named(MATRIX) == suite.named(MATRIX, "first")
    assert suite.named(MATRIX).folder == paths.ROOT / "tests" / "first"


def test_a_suite_has_its_own_settings() -> None:
    other = suite.named(MATRIX, "other")
    assert (other.require, other.env, other.order, other.plugins) == (("einops",), {"MINE": "1"}, ("test_b.py",), False)
    assert (other.limits.probe, other.limits.install) == (7, MATRIX.limits.install)
    assert suite.named(MATRIX).limits == MATRIX.limits


def test_an_unknown_suite_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="--suite: unknown suite 'othr'; did you mean 'other'"):
        suite.named(MATRIX, "othr")


def test_folders_of_suites_lie_apart() -> None:
    first, other = suite.named(MATRIX).paths, suite.named(MATRIX, "other").paths
    names = ("records", "locks", "logs", "environments", "reports", "bisect", "qualify", "results")
    folders = [getattr(each, name) for each in (first, other) for name in names]
    assert len(set(folders)) == len(folders)
    for folder in folders:
        assert not any(folder.is_relative_to(each) for each in folders if each != folder)


def test_a_folder_is_a_suite_of_its_own(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "a" / "My tests", tmp_path / "b" / "My tests"
    for folder in (mine, theirs):
        folder.mkdir(parents=True)
    names = {suite.of_folder(MATRIX, folder).name for folder in (mine, theirs)}
    assert len(names) == 2
    assert all(name.startswith("my-tests-") and suite.name_problem(name) is None for name in names)
    assert suite.of_folder(MATRIX, mine, "einops").paths.records == paths.STATE / "einops" / "records"


@pytest.mark.parametrize("name", ["first", "cache", "records", "../x", "", "A"])
def test_a_folder_takes_no_name_of_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--suite"):
        suite.of_folder(MATRIX, tmp_path, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[probes]\npath = "x"', r"probes: \[probes\] is now \[suites.parametrization\]"),
        ('[suites.x]\npath = "x"\nrequires = []', "suites.x.requires: .*did you mean 'require'"),
        ('[suites.x]\npath = "x"\nlimits = { prob = 1 }', "suites.x.limits.prob: .*did you mean 'probe'"),
        ('[suites.x]\ndescription = "x"', "suites.x.path: this key is required"),
        ('[suites.cache]\npath = "x"', "suites.cache: 'cache' is a folder of .matrix"),
        ('[suites.X]\npath = "x"', "suites.X: 'X' is not a name of a suite"),
        ('[suites.x]\npath = "x"\nenv = { HOME = "x" }', "suites.x.env: HOME"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        matrix_toml.parse(f"{GOOD}{text}\n")
