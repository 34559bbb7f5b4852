"""The suite in a cell's environment, also with a crash, a timeout or a broken torch."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.integration.conftest import MakeProject
from tests.support.behaviour import Act, Behaviour, crashes, hangs, raises, warns
from tests.support.index import LocalIndex
from tests.support.matrices import PYTHON, cell
from tests.support.project import Project
from tests.support.torches import build_torch


def run(
    index: LocalIndex, project: MakeProject, behaviour: Behaviour | None = None, **options: Any
) -> tuple[dict[str, Any], Project]:
    """The record of a torch that behaves as told."""
    index.add(build_torch("2.5.1", behaviour=behaviour), channel="cpu")
    copy = project("2.5.1", **options)
    copy.nox("-s", "matrix")
    record: dict[str, Any] = copy.records()[cell("2.5.1")]
    return record, copy


def test_a_record_holds_all_tests_and_observations(index: LocalIndex, project: MakeProject) -> None:
    record, copy = run(index, project)
    assert record["status"] == "recorded"
    assert {name: seen["outcome"] for name, seen in record["observations"].items()} == {
        "trace": "returned",
        "traced-call": "returned",
        "traced-call-under-cached": "returned",
        "trace-while-caching": "raised",
        "script": "returned",
        "scripted-call": "raised",
        "scripted-call-under-cached": "raised",
        "script-while-caching": "returned",
    }
    assert record["observations"]["trace-while-caching"]["exception"] == "builtins.RuntimeError"
    assert record["observations"]["scripted-call"]["message"] == "Parametrization is not working with scripting."
    assert {record["tests"][name]["outcome"] for name in record["tests"]} == {"passed"}
    assert {"test_trace.py::test_traceable", "test_script.py::test_scriptable"} <= record["tests"].keys()
    assert "pytest" in record["packages"]
    assert str(copy.root) not in str({**record, "run": None})
    timings = record["run"]["timings"]
    assert all(timings[stage] > 0 for stage in ("resolve", "install", "import", "probes", "total"))


def test_warnings_are_recorded(index: LocalIndex, project: MakeProject) -> None:
    record, _ = run(index, project, Behaviour(observations={"trace": warns("FutureWarning", "no more in 3.0")}))
    assert record["observations"]["trace"]["warnings"] == [
        {"category": "builtins.FutureWarning", "message": "no more in 3.0"}
    ]
    assert "warnings" not in record["observations"]["script"]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_a_crash_affects_only_its_test(index: LocalIndex, project: MakeProject, number: signal.Signals) -> None:
    record, _ = run(index, project, Behaviour(observations={"script": crashes(number)}))
    seen = record["observations"]
    assert record["status"] == "recorded"
    assert (seen["script"]["outcome"], seen["script"]["message"]) == ("crashed", f"crashed by {number.name}")
    assert record["tests"]["test_script.py::test_scriptable"]["outcome"] == "crashed"
    assert (seen["scripted-call"]["outcome"], seen["scripted-call"]["blocked_by"]) == ("blocked", "script")
    assert (seen["trace"]["outcome"], seen["traced-call"]["outcome"]) == ("returned", "returned")
    assert seen["trace-while-caching"]["outcome"] == "raised"
    assert seen["script-while-caching"]["outcome"] == "returned"


def test_a_timeout_affects_only_its_test(index: LocalIndex, project: MakeProject) -> None:
    act = Behaviour(observations={"traced-call": hangs()})
    record, copy = run(index, project, act, limits={"probe": 5})
    seen = record["observations"]
    assert record["status"] == "recorded"
    assert seen["traced-call"]["outcome"] == "timed-out"
    assert record["tests"]["test_trace.py::test_traced_call"]["outcome"] == "timed-out"
    assert (seen["trace"]["outcome"], seen["scripted-call"]["outcome"]) == ("returned", "raised")
    # Where it hung stands in the log: it is asked for its stacks before it is ended.
    assert "test_traced_call" in (copy.root / record["run"]["log"]).read_text().partition("Fatal Python error")[2]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (crashes(), ("crashed", "crashed by SIGSEGV", "Segmentation fault")),
        (hangs(), ("timed-out", "timed out", "before torch was imported")),
        (raises("OSError", "libcudart.so.12: no such file"), ("error", "import failed", "OSError: libcudart.so.12")),
    ],
    ids=["crash", "hang", "error"],
)
def test_a_torch_that_fails_to_import(
    index: LocalIndex, project: MakeProject, act: Act, expected: tuple[str, str, str]
) -> None:
    status, kind, message = expected
    record, _ = run(index, project, Behaviour(on_import=act), limits={"startup": 5} if act == hangs() else {})
    assert (record["status"], record["reason"]["stage"], record["reason"]["kind"]) == (status, "import", kind)
    assert message in record["reason"]["message"]
    assert record["observations"] == record["tests"] == {}


def test_a_wheel_with_another_torch_version_inside(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", inside="2.5.0+cpu"), channel="cpu")
    copy = project("2.5.1")
    copy.nox("-s", "matrix")
    reason = copy.records()[cell("2.5.1")]["reason"]
    assert (reason["stage"], reason["kind"]) == ("import", "wrong version")
    assert reason["message"] == "the wheel of 2.5.1 says it is 2.5.0+cpu"


def test_a_new_file_of_tests_is_recorded_too(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    (copy.suite / "test_mine.py").write_text(
        "import torch\n\n"
        "def test_mine(observe):\n"
        "    with observe('mine'):\n"
        "        torch.jit.script(torch.nn.Linear(2, 2))\n"
    )
    assert copy.nox("-s", "matrix").code == 0
    record = copy.records()[cell("2.5.1")]
    assert record["observations"]["mine"]["outcome"] == "returned"
    assert record["tests"]["test_mine.py::test_mine"]["outcome"] == "passed"


def test_a_collection_failure_affects_only_its_file(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    (copy.suite / "test_mine.py").write_text("import nonsense\n")
    copy.nox("-s", "matrix")
    record = copy.records()[cell("2.5.1")]
    assert record["status"] == "recorded"
    assert len(record["observations"]) == 8
    assert record["tests"]["test_mine.py"]["outcome"] == "error"
    assert "No module named 'nonsense'" in record["tests"]["test_mine.py"]["message"]


def test_a_cell_with_collection_failures_only_is_an_error(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    for file in copy.suite.glob("test_*.py"):
        file.write_text("import nonsense\n")
    copy.nox("-s", "matrix")
    record = copy.records()[cell("2.5.1")]
    assert (record["status"], record["reason"]["stage"], record["reason"]["kind"]) == (
        "error",
        "run",
        "collection failed",
    )
    assert "No module named 'nonsense'" in record["reason"]["message"]
    assert {test["outcome"] for test in record["tests"].values()} == {"error"}


def test_the_environment_is_closed(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label="cu124", behaviour=Behaviour(gpu="a GPU")), channel="cu124")
    copy = project("2.5.1", builds={"cu124": None})
    leak = copy.root.parent / "leak"
    leak.mkdir()
    (leak / "leaked.py").write_text("")
    (copy.suite / "test_closed.py").write_text(
        "import importlib.util, os, site, sys, torch\n\n"
        "def test_closed():\n"
        "    assert importlib.util.find_spec('leaked') is None\n"
        "    assert not site.ENABLE_USER_SITE\n"
        "    assert not torch.cuda.is_available()\n"
        f"    assert sys.version.startswith('{PYTHON}.')\n"
        f"    assert os.environ['HOME'] != {copy.env['HOME']!r}\n"
    )
    user = {"PYTHONPATH": str(leak), "PYTEST_ADDOPTS": "--nonsense"}
    done = copy.nox("-s", "matrix", env={**user, "CUDA_VISIBLE_DEVICES": "0"})
    assert done.code == 0, done.output
    test = copy.records()[cell("2.5.1", "cu124")]["tests"]["test_closed.py::test_closed"]
    assert test["outcome"] == "passed", test


def test_a_gpu_build_sees_the_gpu(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label="cu124", behaviour=Behaviour(gpu="a GPU")), channel="cu124")
    copy = project("2.5.1", builds={"cu124": None})
    matrix = copy.root / "matrix.toml"
    copy.write_matrix(matrix.read_text().replace("[builds.cu124]", "[builds.cu124]\ngpu = true"))
    (copy.suite / "test_gpu.py").write_text("import torch\n\ndef test_gpu():\n    assert torch.cuda.is_available()\n")
    assert copy.nox("-s", "matrix", env={"CUDA_VISIBLE_DEVICES": "0"}).code == 0
    assert copy.records()[cell("2.5.1", "cu124")]["tests"]["test_gpu.py::test_gpu"]["outcome"] == "passed"
