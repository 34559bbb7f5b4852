"""The public reports of the suite ``capture``: declared completely, and told by release."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts.records.model import CellKey, Observation, Record
from tests.support.ledger import SUITE, declared, history, ledger


def record(torch: str, outcome: str) -> Record:
    return Record(
        cell=CellKey(torch=torch, build="cpu", python="3.11", platform="linux-x86_64"),
        status="recorded",
        observations={"report/60971-script": Observation.model_validate({"outcome": outcome})},
    )


def test_every_report_has_one_state_and_a_description() -> None:
    """Also: no state without an observation, no name twice."""
    reported = declared()
    states = next(
        ast.literal_eval(node.value)
        for node in ast.parse((SUITE / "reports.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.AnnAssign) and node.value is not None
    )
    assert {one.number for one in reported} == set(states)
    assert set(states.values()) <= {"open", "closed"}
    assert len({one.name for one in reported}) == len(reported) >= 45


def test_a_test_without_the_sentence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reports.py").write_text("UPSTREAM: dict[int, str] = {1: 'open'}", encoding="utf-8")
    test = tmp_path / "test_reports_some.py"
    test.write_text("def test_it(observe):\n    with observe('report/1-x', phase='a'): pass", encoding="utf-8")
    with pytest.raises(ValueError, match=r"test_reports_some\.py: test_it: one observation, and a docstring"):
        declared(tmp_path)


def test_the_history_groups_releases_in_order() -> None:
    records = [
        record(torch, outcome)
        for torch, outcome in (("2.9.1", "returned"), ("1.13.1", "raised"), ("1.9.1", "raised"), ("2.10.0", "skipped"))
    ]
    assert history("report/60971-script", records) == "true 1.9.1 – 1.13.1; not true 2.9.1; not applicable 2.10.0"
    assert history("report/1-other", records) == "no record"


def test_the_ledger_has_a_row_for_each_observation() -> None:
    lines = list(ledger(declared(), [record("2.9.1", "raised")]))
    assert len(lines) == 2 + len(declared())
    assert (
        "| [#60971](https://github.com/pytorch/pytorch/issues/60971) | open "
        "| `report/60971-script`: a parametrized model can't be scripted. | true 2.9.1 |"
    ) in lines
