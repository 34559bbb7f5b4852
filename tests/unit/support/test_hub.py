"""Expressions of the emulated runner, compared with GitHub's results; unsupported ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.hub.expressions import UnsupportedError, condition, fill
from tests.support.hub.machine import read_outputs

CONTEXT: dict[str, Any] = {
    "inputs": {"name": "Mine", "fresh": False, "empty": ""},
    "needs": {"plan": {"outputs": {"matrix": '{"include": [{"name": "a"}]}', "jobs": "0"}, "result": "success"}},
    "github": {"run_attempt": 2, "event": {}},
    "success": lambda: False,
    "always": lambda: True,
    "cancelled": lambda: False,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${{ inputs.name }}", "Mine"),
        ("a-${{ inputs.name }}-${{ github.run_attempt }}", "a-Mine-2"),
        ("${{ inputs.empty || 'other' }}", "other"),
        ("${{ inputs.name != '' && '0' || '1' }}", "0"),
        ("${{ !inputs.fresh }}", True),
        ("${{ inputs.name == 'mine' }}", True),
        ("${{ github.run_attempt > 1 }}", True),
        ("${{ github.event.pull_request.base.sha }}", None),
        ("x${{ github.event.pull_request.base.sha }}", "x"),
        ("${{ fromJSON(needs.plan.outputs.matrix) }}", {"include": [{"name": "a"}]}),
        ("${{ 'it''s' }}", "it's"),
        ("${{ (true || false) && 'yes' }}", "yes"),
        ({"a": ["${{ inputs.name }}", 1]}, {"a": ["Mine", 1]}),
    ],
)
def test_evaluation(text: object, value: object) -> None:
    assert fill(text, CONTEXT) == value


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("true", False),  # an earlier step failed
        ("always()", True),
        ("${{ !cancelled() && needs.plan.result == 'success' }}", True),
        ("always() && needs.plan.outputs.jobs != '0'", False),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert condition(text, CONTEXT) is holds


@pytest.mark.parametrize("text", ["secrets.x", "hashFiles('a')", "inputs.name +", "inputs['name']", "'open", "inputs."])
def test_unsupported_expressions_are_refused(text: str) -> None:
    with pytest.raises((UnsupportedError, IndexError)):
        fill(f"${{{{ {text} }}}}", CONTEXT)


def test_outputs_of_one_line_and_of_several(tmp_path: Any) -> None:
    path = tmp_path / "output"
    path.write_text("a=1=2\nb<<END\nx=1\ny\nEND\nc=\n")
    assert dict(read_outputs(path)) == {"a": "1=2", "b": "x=1\ny", "c": ""}
