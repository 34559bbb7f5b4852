"""Closed environments: independent of the shell, and extended by what a suite declares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core import environment
from tests.support.shells import HOSTILE, SECRETS

PYTHON = Path(sys.executable)

#: Environment variables of a shell: arbitrary ones, and known harmful ones.
NAMES = st.one_of(st.sampled_from(sorted(HOSTILE)), st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True))
SHELLS = st.dictionaries(NAMES, st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=20)


@given(SHELLS)
def test_a_cell_is_independent_of_the_shell(shell: dict[str, str]) -> None:
    if sys.platform == "win32":
        shell = {name: value for name, value in shell.items() if name not in environment._MACHINE}
    of_shell = environment.cell(PYTHON, Path("work"), gpu=False, declared={}, environ=shell)
    assert of_shell == environment.cell(PYTHON, Path("work"), gpu=False, declared={}, environ={})


def test_a_cell_has_fixed_values(tmp_path: Path) -> None:
    code = (
        "import json, locale, os, sys, time\n"
        "print(json.dumps([hash('x'), time.tzname[0], locale.getpreferredencoding(), sys.stdout.encoding,\n"
        "    os.path.expanduser('~'), sorted(set(os.environ) & set(sys.argv[1:])), os.environ['OMP_NUM_THREADS']]))"
    )
    env = environment.cell(PYTHON, tmp_path, gpu=False, declared={}, environ=HOSTILE)
    command = [sys.executable, "-c", code, *SECRETS, "PYTORCH_JIT", "LD_LIBRARY_PATH"]
    shown = json.loads(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
    again = json.loads(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
    assert shown == again
    assert [text.lower() if isinstance(text, str) else text for text in shown[1:4]] == ["utc", "utf-8", "utf-8"]
    assert shown[4:] == [str(tmp_path), [], "1"]


def test_a_suite_s_variables_override_fixed_ones(tmp_path: Path) -> None:
    declared = {"OMP_NUM_THREADS": "4", "PYTORCH_JIT": "0", "PATH": "/extra"}
    env = environment.cell(PYTHON, tmp_path, gpu=False, declared=declared, environ={"PATH": "/user"})
    assert (env["OMP_NUM_THREADS"], env["PYTORCH_JIT"]) == ("4", "0")
    folders = env["PATH"].split(os.pathsep)
    assert folders[:2] == [str(PYTHON.parent), "/extra"]
    assert "/user" not in folders


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("HOME", "set by the engine"),
        ("MATRIX_EVENTS", "set by the engine"),
        ("PYTHONPATH", "set by the engine"),
        ("PYTEST_ADDOPTS", "set by the engine"),
        ("CUDA_VISIBLE_DEVICES", "set by the engine"),
        ("1X", "not a variable name"),
        ("A B", "not a variable name"),
        ("", "not a variable name"),
        ("É", "not a variable name"),
    ],
)
def test_reserved_variables_cannot_be_declared(name: str, why: str) -> None:
    assert why in str(environment.problem(name, "x"))


def test_other_variables_can_be_declared() -> None:
    assert environment.problem("PYTORCH_JIT", "") is None
    assert environment.problem("PYTHONHASHSEED", "random") is None
    assert "null" in str(environment.problem("X", "a\0b"))


def test_only_cells_with_a_gpu_see_one_and_its_driver(tmp_path: Path) -> None:
    driver, other = tmp_path / "driver", tmp_path / "other"
    driver.mkdir()
    (driver / "libcuda.so.1").touch()
    shell = {"CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": os.pathsep.join(map(str, (other, driver)))}
    gpu = environment.cell(PYTHON, tmp_path, gpu=True, declared={}, environ=shell)
    assert (gpu["CUDA_VISIBLE_DEVICES"], gpu["LD_LIBRARY_PATH"]) == ("1", str(driver))
    none = environment.cell(PYTHON, tmp_path, gpu=False, declared={}, environ=shell)
    assert none["CUDA_VISIBLE_DEVICES"] == ""
    assert "LD_LIBRARY_PATH" not in none


@pytest.mark.parametrize("name", [*SECRETS[:3], "PYTHONPATH", "PYTHONSAFEPATH", "UV_PYTHON", "LD_PRELOAD"])
def test_a_tool_gets_no_secrets_and_no_other_python(name: str) -> None:
    assert name not in environment.tool(HOSTILE)
