"""The fake torch: the real history of the releases, and every act."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.behaviour import (
    COUNTER_VARIABLE,
    Act,
    Behaviour,
    Observation,
    crashes,
    flaky,
    gives_wrong_numbers,
    hangs,
    raises,
    returns,
    sleeps,
    usual,
    warns,
)
from tests.support.project import ROOT
from tests.support.torches import _sources, build_torch

#: Makes every observation and prints the outcomes.
OBSERVE = """
    import contextlib, json, sys, warnings
    import torch
    from torch.nn.utils import parametrize

    class Symmetric(torch.nn.Module):
        def forward(self, X):
            return X.triu() + X.triu(1).transpose(-1, -2)

    torch.manual_seed(0)
    model = torch.nn.Linear(5, 5)
    parametrize.register_parametrization(model, "weight", Symmetric())
    x = torch.randn(3, 5)
    trace = lambda: torch.jit.trace_module(model, {"forward": x})
    script = lambda: torch.jit.script(model)
    equal = lambda compile: torch.testing.assert_close(compiled(compile)(x), model(x))

    def compiled(compile):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile()

    def cached(action):
        made = compiled(trace), compiled(script)
        with parametrize.cached():
            torch.testing.assert_close(made[action](x), model(x))

    def while_caching(compile):
        with parametrize.cached():
            compile()

    actions = {
        "trace": trace, "traced-call": lambda: equal(trace), "traced-call-under-cached": lambda: cached(0),
        "trace-while-caching": lambda: while_caching(trace),
        "script": script, "scripted-call": lambda: equal(script), "scripted-call-under-cached": lambda: cached(1),
        "script-while-caching": lambda: while_caching(script),
    }
    outcomes = {}
    for name in sys.argv[1:] or actions:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                actions[name]()
                outcome = "returned"
            except Exception as error:
                outcome = type(error).__name__ + ": " + str(error)
        outcomes[name] = [outcome, [w.category.__name__ for w in caught]]
    print(json.dumps(outcomes))
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function that runs Python code with a wheel's torch."""

    def run(
        version: str, code: str, *names: str, env: dict[str, str] | None = None, timeout: float = 30, **wheel: Any
    ) -> subprocess.CompletedProcess[str]:
        with zipfile.ZipFile(build_torch(version, **wheel).write(tmp_path)) as archive:
            archive.extractall(tmp_path / "site")
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *names],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def observe(run: Run) -> Callable[..., dict[str, Any]]:
    """A function that returns the outcome and the warnings of each observation with a wheel."""

    def observe(version: str, *names: str, **wheel: Any) -> dict[str, Any]:
        done = run(version, OBSERVE, *names, **wheel)
        assert done.returncode == 0, done.stderr
        observed: dict[str, Any] = json.loads(done.stdout)
        return observed

    return observe


# --- history ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "trace_while_caching", "script"),
    [
        ("1.9.1", "RuntimeError: Cannot insert a Tensor", "UnsupportedNodeError: global variables aren't supported"),
        ("1.10.2", "RuntimeError: Cannot trace a model", "UnsupportedNodeError: GeneratorExp aren't supported"),
        ("1.12.1", "RuntimeError: Cannot trace a model", "UnsupportedNodeError: GeneratorExp aren't supported"),
        ("1.13.0", "RuntimeError: Cannot trace a model", "returned"),
        ("2.16.0.dev20261110", "RuntimeError: Cannot trace a model", "returned"),
    ],
)
def test_the_behaviour_of_each_release(
    observe: Callable[..., dict[str, Any]], version: str, trace_while_caching: str, script: str
) -> None:
    names = ("trace", "traced-call", "trace-while-caching", "script", "script-while-caching")
    observed = {name: outcome for name, (outcome, _) in observe(version, *names).items()}
    assert (observed["trace"], observed["traced-call"]) == ("returned", "returned")
    assert observed["trace-while-caching"].startswith(trace_while_caching)
    assert observed["script"].startswith(script)
    assert observed["script-while-caching"].startswith(script)


def test_a_scripted_model_cannot_be_called(observe: Callable[..., dict[str, Any]]) -> None:
    observed = observe("1.13.1", "scripted-call", "scripted-call-under-cached", "traced-call-under-cached")
    for name in ("scripted-call", "scripted-call-under-cached"):
        message = observed[name][0]
        assert message.startswith("JITException: The following operation failed in the TorchScript interpreter.")
        assert 'torch/nn/utils/parametrize.py", line' in message
        assert message.endswith("builtins.RuntimeError: Parametrization is not working with scripting.\n")
    assert observed["traced-call-under-cached"][0] == "returned"


@pytest.mark.parametrize(
    ("version", "warned"), [("2.9.1", []), ("2.10.0", ["DeprecationWarning"]), ("2.14.0", ["FutureWarning"])]
)
def test_the_warnings_of_each_release(observe: Callable[..., dict[str, Any]], version: str, warned: list[str]) -> None:
    observed = observe(version, "trace", "script")
    assert (observed["trace"][1], observed["script"][1]) == (warned, warned)


def test_the_version_variables_of_a_wheel(run: Run) -> None:
    say = "import torch; print(torch.__version__, torch.version.cuda, torch.version.git_version[:3], torch.version.hip)"
    commit = "abc" + "0" * 37
    assert run("2.5.1", say, git_version=commit).stdout == "2.5.1+cpu None abc None\n"
    assert run("2.5.1", say, label="cu124", git_version=commit).stdout == "2.5.1+cu124 12.4 abc None\n"
    assert run("2.5.1", say, label=None, cuda="12.4", git_version=commit).stdout == "2.5.1+cu124 12.4 abc None\n"
    assert run("2.5.1", say, inside="2.5.0", git_version=commit).stdout == "2.5.0 None abc None\n"


def test_only_a_cuda_build_with_visible_devices_finds_a_gpu(run: Run) -> None:
    say = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name(0), torch.cuda.device_count())"
    behaviour = Behaviour(gpu="NVIDIA H100")
    visible, hidden = {"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": ""}
    assert run("2.5.1", say, label="cu124", behaviour=behaviour, env=visible).stdout == "NVIDIA H100 1\n"
    assert run("2.5.1", say, label="cu124", behaviour=behaviour, env=hidden).stdout == "False 0\n"
    assert run("2.5.1", say, label="cpu", behaviour=behaviour, env=visible).stdout == "False 0\n"


def test_parametrize_changes_with_the_real_releases() -> None:
    file = "nn/utils/parametrize.py"
    texts = {v: _sources(v)[file] for v in ("1.9.0", "1.9.1", "1.10.0", "1.12.1", "1.13.0", "2.14.1", "2.15.0")}
    assert texts["1.9.0"] == texts["1.9.1"] != texts["1.10.0"]
    assert texts["2.14.1"] == texts["2.15.0"]
    assert "Cannot trace a model while caching" in texts["1.10.0"]
    assert "Cannot trace a model while caching" not in texts["1.9.1"]
    assert 'raise RuntimeError("Parametrization is not working with scripting.")\n' in texts["1.13.0"]
    assert "is not working with scripting" not in texts["1.12.1"]


@pytest.mark.parametrize("version", ["1.9.0", "2.15.0"])
def test_files_run_on_python_3_8_and_have_no_marks(version: str) -> None:
    for text in _sources(version).values():
        ast.parse(text, feature_version=(3, 8))
        assert not re.search(r"# (noqa|type: ignore|since|before \d)", text)


def test_the_built_in_suite_runs(run: Run, tmp_path: Path) -> None:
    suite = ROOT / "tests" / "cells" / "parametrization"
    code = f"""
        import sys, pytest
        sys.exit(pytest.main(["-c", {str(suite / "pytest.ini")!r}, "--rootdir", {str(suite)!r}, {str(suite)!r}]))
    """
    done = run("1.13.1", code, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert done.returncode == 0, done.stdout + done.stderr


# --- acts -------------------------------------------------------------------------------------------------------------


def with_act(name: Observation, act: Act) -> Behaviour:
    return Behaviour(observations={name: act})


def test_a_call_returns_where_the_release_raised(observe: Callable[..., dict[str, Any]]) -> None:
    names: tuple[Observation, ...] = ("script", "scripted-call", "scripted-call-under-cached", "trace-while-caching")
    behaviour = Behaviour(observations={name: returns() for name in names})
    assert {outcome for outcome, _ in observe("1.12.1", *names, behaviour=behaviour).values()} == {"returned"}


@pytest.mark.parametrize("name", ["traced-call", "scripted-call"])
def test_wrong_numbers(observe: Callable[..., dict[str, Any]], name: Observation) -> None:
    observed = observe("2.5.1", name, behaviour=with_act(name, gives_wrong_numbers()))
    assert observed[name][0] == "AssertionError: Tensor-likes are not close!"


def test_another_exception_is_raised(observe: Callable[..., dict[str, Any]]) -> None:
    behaviour = Behaviour(
        observations={"trace": raises("ValueError", "no"), "script": raises("torch.jit.Error", "never")}
    )
    observed = observe("2.5.1", "trace", "script", behaviour=behaviour)
    assert (observed["trace"][0], observed["script"][0]) == ("ValueError: no", "JITException: never")


def test_a_warning_before_the_usual_behaviour(observe: Callable[..., dict[str, Any]]) -> None:
    observed = observe("2.5.1", "trace", behaviour=with_act("trace", warns("UserWarning", "soon")))
    assert observed["trace"] == ["returned", ["UserWarning"]]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash(run: Run, number: signal.Signals) -> None:
    assert run("2.5.1", OBSERVE, "trace", behaviour=with_act("trace", crashes(number))).returncode == -number


def test_a_hang(run: Run) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("2.5.1", OBSERVE, "trace", behaviour=with_act("trace", hangs()), timeout=0.5)


@pytest.mark.parametrize("in_wheel", [True, False])
def test_flaky_acts_alternate(run: Run, tmp_path: Path, in_wheel: bool) -> None:
    counter = tmp_path / "counter"
    act = flaky(usual(), raises("ValueError", "no"), counter=counter if in_wheel else None)
    behaviour, env = with_act("trace", act), {} if in_wheel else {COUNTER_VARIABLE: str(counter)}
    done = [run("2.5.1", OBSERVE, "trace", behaviour=behaviour, env=env).stdout for _ in range(4)]
    assert ["ValueError" in output for output in done] == [False, True, False, True]


def test_imports_that_fail(run: Run) -> None:
    def imported(act: Act) -> subprocess.CompletedProcess[str]:
        return run("2.5.1", "import torch", behaviour=Behaviour(on_import=act))

    assert "OSError: libcudart.so.12: cannot open" in imported(raises("OSError", "libcudart.so.12: cannot open")).stderr
    assert imported(crashes()).returncode == -signal.SIGSEGV
    assert imported(sleeps(0.01)).returncode == 0
