"""Real torch from the default index, across the release in which a parametrized model could first be scripted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.index import LocalIndex
from tests.support.project import ROOT, Project

#: What the nox that runs these tests says to its own sessions, and pytest to its own processes.
_OWN = ("NOX", "PYTEST_", "VIRTUAL_ENV", "PYTHONPATH")


@pytest.fixture
def copy(tmp_path: Path, index: LocalIndex) -> Iterator[Project]:
    """The project as it is, with the user's own settings of indexes; gigabytes of wheels go when the test is over."""
    copy = Project(tmp_path, (ROOT / "matrix.toml").read_text("utf-8"), index)
    if (ROOT / "results").is_dir():
        shutil.copytree(ROOT / "results", copy.root / "results")
    users = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    copy.env = {**users, "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
    yield copy
    shutil.rmtree(copy.root / ".matrix")


def test_scripting_changed_between_1_12_and_1_13(copy: Project) -> None:
    cells = ["1.12.1-default-py3.9", "1.13.1-default-py3.9"]
    done = copy.nox("-s", "matrix", "--", *cells, timeout=600)
    assert done.code == 0, done.output  # also: no drift, where results/ has these very builds
    before, after = (copy.records()[cell] for cell in cells)
    for record, release in ((before, "1.12.1"), (after, "1.13.1")):
        assert record["status"] == "recorded", record["reason"]
        assert record["torch"]["version"].partition("+")[0] == release
        seen = record["observations"]
        assert seen["trace"]["outcome"] == seen["traced-call"]["outcome"] == "returned"
        assert seen["traced-call-under-cached"]["outcome"] == "returned"
        assert (seen["trace-while-caching"]["exception"], seen["trace-while-caching"]["message"]) == (
            "builtins.RuntimeError",
            "Cannot trace a model while caching parametrizations.",
        )
        assert record["tests"]["test_trace.py::test_traceable"]["outcome"] == "passed"

    for name in ("script", "script-while-caching"):
        assert before["observations"][name]["exception"] == "torch.jit.frontend.UnsupportedNodeError"
        assert before["observations"][name]["message"].startswith("GeneratorExp aren't supported")
        assert before["observations"][name]["phase"] == "compiling"
        assert after["observations"][name]["outcome"] == "returned"
    for name in ("scripted-call", "scripted-call-under-cached"):
        assert before["observations"][name]["blocked_by"] == "script"
        assert after["observations"][name]["exception"] == "torch.jit.Error"
        assert after["observations"][name]["message"] == "Parametrization is not working with scripting."
        assert after["observations"][name]["phase"] == "calling"
    assert before["tests"]["test_script.py::test_scriptable"]["outcome"] == "failed"
    assert after["tests"]["test_script.py::test_scriptable"]["outcome"] == "passed"
