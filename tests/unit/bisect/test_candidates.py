"""Candidates: their order, their Pythons, and invalid ends."""

from __future__ import annotations

import pytest

from scripts.bisect import candidates
from scripts.bisect.candidates import TorchVersion
from scripts.bisect.model import Candidate
from scripts.config import matrix_toml
from scripts.core.errors import UsageError
from tests.support.bisections import (
    question,
)

MATRIX = matrix_toml.load()


def torch_versions(*versions: str, pythons: frozenset[str] = frozenset({"3.9", "3.11"})) -> list[TorchVersion]:
    return [TorchVersion(torch=version, build="cpu", pythons=pythons) for version in versions]


def between(good: str, bad: str, *versions: str, **changes: str) -> list[str]:
    query = question(good=good, bad=bad, **changes)
    return [candidate.torch for candidate in candidates.between_ends(MATRIX, torch_versions(*versions), query)]


def test_candidates_are_ordered_from_good_to_bad() -> None:
    assert between("2.0.1", "2.2.0", "2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0") == ["2.0.1", "2.1.0", "2.2.0"]
    assert between("2.1.0", "2.0.0", "2.0.0", "2.0.1", "2.1.0") == ["2.1.0", "2.0.1", "2.0.0"]


def test_nightlies_are_named_by_date_and_missing_days_are_no_candidates() -> None:
    versions = ["2.12.0.dev20261101", "2.12.0.dev20261103", "2.13.0.dev20261104"]
    assert between("2026-11-01", "20261104", *versions) == versions
    with pytest.raises(UsageError, match=r"dev20261101 to 2\.13\.0\.dev20261104"):
        between("2026-11-02", "20261104", *versions)


@pytest.mark.parametrize(
    ("good", "bad", "error"), [("2.0.0", "2.0.0", "nothing between"), ("1.0", "2.0.0", "no '1.0'")]
)
def test_invalid_ends_are_usage_errors(good: str, bad: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        between(good, bad, "2.0.0", "2.1.0")


def test_the_python_depends_on_the_release() -> None:
    query = question(good="1.12.1", bad="2.15.0")
    offered = [
        TorchVersion(torch="1.12.1", build="cpu", pythons=frozenset({"3.8", "3.9", "3.10"})),
        TorchVersion(torch="1.13.0", build="cpu", pythons=frozenset({"3.9", "3.11"})),
        TorchVersion(torch="2.12.0", build="cpu", pythons=frozenset({"3.12", "3.13", "3.13t"})),
        TorchVersion(torch="2.15.0", build="cpu", pythons=None),
    ]
    assert [c.python for c in candidates.between_ends(MATRIX, offered, query)] == ["3.9", "3.11", "3.13", "3.11"]
    fixed = candidates.between_ends(MATRIX, offered, question(good="1.12.1", bad="2.15.0", python="3.9"))
    assert [c.problem is None for c in fixed] == [True, True, False, True]


def test_a_candidate_uses_a_python_with_a_record() -> None:
    known = {"2.0.0-cpu-py3.9", "2.1.0-cpu-py3.11", "2.1.0-cpu-py3.9"}
    tested = [
        candidates.prefer_recorded(MATRIX, Candidate(torch=torch, build="cpu", python="3.11"), lambda c: c.id in known)
        for torch in ("2.0.0", "2.1.0", "2.2.0")
    ]
    assert [candidate.python for candidate in tested] == ["3.9", "3.11", "3.11"]
    only = [candidates.require_record(candidate, lambda c: c.id in known).problem for candidate in tested]
    assert only == [None, None, "no record"]
