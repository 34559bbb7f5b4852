"""The fake torch: each release's real history, and every act that it can be told."""

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

#: Makes every observation and prints what came of it.
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
    seen = {}
    for name in sys.argv[1:] or actions:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                actions[name]()
                outcome = "returned"
            except Exception as error:
                outcome = type(error).__name__ + ": " + str(error)
        seen[name] = [outcome, [w.category.__name__ for w in caught]]
    print(json.dumps(seen))
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs Python code with a wheel's torch."""

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
    """What each observation is with a wheel."""

    def observe(version: str, *names: str, **wheel: Any) -> dict[str, Any]:
        done = run(version, OBSERVE, *names, **wheel)
        assert done.returncode == 0, done.stderr
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

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
def test_what_each_release_does(
    observe: Callable[..., dict[str, Any]], version: str, trace_while_caching: str, script: str
) -> None:
    names = ("trace", "traced-call", "trace-while-caching", "script", "script-while-caching")
    seen = {name: outcome for name, (outcome, _) in observe(version, *names).items()}
    assert (seen["trace"], seen["traced-call"]) == ("returned", "returned")
    assert seen["trace-while-caching"].startswith(trace_while_caching)
    assert seen["script"].startswith(script)
    assert seen["script-while-caching"].startswith(script)


def test_what_was_scripted_can_not_be_called(observe: Callable[..., dict[str, Any]]) -> None:
    seen = observe("1.13.1", "scripted-call", "scripted-call-under-cached", "traced-call-under-cached")
    for name in ("scripted-call", "scripted-call-under-cached"):
        message = seen[name][0]
        assert message.startswith("JITException: The following operation failed in the TorchScript interpreter.")
        assert 'torch/nn/utils/parametrize.py", line' in message
        assert message.endswith("builtins.RuntimeError: Parametrization is not working with scripting.\n")
    assert seen["traced-call-under-cached"][0] == "returned"


@pytest.mark.parametrize(
    ("version", "warned"), [("2.9.1", []), ("2.10.0", ["DeprecationWarning"]), ("2.14.0", ["FutureWarning"])]
)
def test_when_each_release_warns(observe: Callable[..., dict[str, Any]], version: str, warned: list[str]) -> None:
    seen = observe(version, "trace", "script")
    assert (seen["trace"][1], seen["script"][1]) == (warned, warned)


def test_what_a_wheel_says_of_itself(run: Run) -> None:
    say = "import torch; print(torch.__version__, torch.version.cuda, torch.version.git_version[:3], torch.version.hip)"
    commit = "abc" + "0" * 37
    assert run("2.5.1", say, git_version=commit).stdout == "2.5.1+cpu None abc None\n"
    assert run("2.5.1", say, label="cu124", git_version=commit).stdout == "2.5.1+cu124 12.4 abc None\n"
    assert run("2.5.1", say, label=None, cuda="12.4", git_version=commit).stdout == "2.5.1+cu124 12.4 abc None\n"
    assert run("2.5.1", say, inside="2.5.0", git_version=commit).stdout == "2.5.0 None abc None\n"


def test_a_gpu_is_seen_by_a_cuda_build_that_may(run: Run) -> None:
    say = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name(0), torch.cuda.device_count())"
    told = Behaviour(gpu="NVIDIA H100")
    visible, hidden = {"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": ""}
    assert run("2.5.1", say, label="cu124", behaviour=told, env=visible).stdout == "NVIDIA H100 1\n"
    assert run("2.5.1", say, label="cu124", behaviour=told, env=hidden).stdout == "False 0\n"
    assert run("2.5.1", say, label="cpu", behaviour=told, env=visible).stdout == "False 0\n"


def test_parametrize_changes_where_the_real_one_does() -> None:
    file = "nn/utils/parametrize.py"
    texts = {v: _sources(v)[file] for v in ("1.9.0", "1.9.1", "1.10.0", "1.12.1", "1.13.0", "2.14.1", "2.15.0")}
    assert texts["1.9.0"] == texts["1.9.1"] != texts["1.10.0"]
    assert texts["2.14.1"] == texts["2.15.0"]
    assert "Cannot trace a model while caching" in texts["1.10.0"]
    assert "Cannot trace a model while caching" not in texts["1.9.1"]
    assert 'raise RuntimeError("Parametrization is not working with scripting.")\n' in texts["1.13.0"]
    assert "is not working with scripting" not in texts["1.12.1"]


@pytest.mark.parametrize("version", ["1.9.0", "2.15.0"])
def test_no_file_needs_a_newer_python_or_shows_how_it_was_made(version: str) -> None:
    for text in _sources(version).values():
        ast.parse(text, feature_version=(3, 8))
        assert not re.search(r"# (noqa|type: ignore|since|before \d)", text)


def test_it_is_enough_for_the_projects_probes(run: Run, tmp_path: Path) -> None:
    probes = ROOT / "tests" / "cells"
    code = f"""
        import sys, pytest
        sys.exit(pytest.main(["-c", {str(probes / "pytest.ini")!r}, "--rootdir", {str(probes)!r}, {str(probes)!r}]))
    """
    done = run("1.13.1", code, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert done.returncode == 0, done.stdout + done.stderr


# --- acts -------------------------------------------------------------------------------------------------------------


def told(name: Observation, act: Act) -> Behaviour:
    return Behaviour(observations={name: act})


def test_working_where_the_release_did_not(observe: Callable[..., dict[str, Any]]) -> None:
    names: tuple[Observation, ...] = ("script", "scripted-call", "scripted-call-under-cached", "trace-while-caching")
    behaviour = Behaviour(observations={name: returns() for name in names})
    assert {outcome for outcome, _ in observe("1.12.1", *names, behaviour=behaviour).values()} == {"returned"}


@pytest.mark.parametrize("name", ["traced-call", "scripted-call"])
def test_wrong_numbers(observe: Callable[..., dict[str, Any]], name: Observation) -> None:
    seen = observe("2.5.1", name, behaviour=told(name, gives_wrong_numbers()))
    assert seen[name][0] == "AssertionError: Tensor-likes are not close!"


def test_another_exception(observe: Callable[..., dict[str, Any]]) -> None:
    behaviour = Behaviour(
        observations={"trace": raises("ValueError", "no"), "script": raises("torch.jit.Error", "never")}
    )
    seen = observe("2.5.1", "trace", "script", behaviour=behaviour)
    assert (seen["trace"][0], seen["script"][0]) == ("ValueError: no", "JITException: never")


def test_a_warning_and_then_as_usual(observe: Callable[..., dict[str, Any]]) -> None:
    seen = observe("2.5.1", "trace", behaviour=told("trace", warns("UserWarning", "soon")))
    assert seen["trace"] == ["returned", ["UserWarning"]]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash(run: Run, number: signal.Signals) -> None:
    assert run("2.5.1", OBSERVE, "trace", behaviour=told("trace", crashes(number))).returncode == -number


def test_a_hang(run: Run) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("2.5.1", OBSERVE, "trace", behaviour=told("trace", hangs()), timeout=0.5)


@pytest.mark.parametrize("baked", [True, False])
def test_flakiness_takes_turns(run: Run, tmp_path: Path, baked: bool) -> None:
    counter = tmp_path / "counter"
    act = flaky(usual(), raises("ValueError", "no"), counter=counter if baked else None)
    behaviour, env = told("trace", act), {} if baked else {COUNTER_VARIABLE: str(counter)}
    done = [run("2.5.1", OBSERVE, "trace", behaviour=behaviour, env=env).stdout for _ in range(4)]
    assert ["ValueError" in said for said in done] == [False, True, False, True]


def test_imports_that_fail(run: Run) -> None:
    def imported(act: Act) -> subprocess.CompletedProcess[str]:
        return run("2.5.1", "import torch", behaviour=Behaviour(on_import=act))

    assert "OSError: libcudart.so.12: cannot open" in imported(raises("OSError", "libcudart.so.12: cannot open")).stderr
    assert imported(crashes()).returncode == -signal.SIGSEGV
    assert imported(sleeps(0.01)).returncode == 0
