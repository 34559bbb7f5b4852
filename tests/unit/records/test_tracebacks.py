"""The last traceback in a program's output, as printed by Python, and texts without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.records.messages import last_raised
from scripts.records.model import Frame


def output(folder: Path, source: str) -> str:
    """Return the output of a script, with both streams interleaved as in the command of a bisection."""
    library = folder / "site-packages" / "torch" / "nn"
    library.mkdir(parents=True)
    (library / "utils.py").write_text("def fail(error):\n    raise error\n", "utf-8")
    script = folder / "check.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(library)!r})\nimport utils\n{source}", "utf-8")
    command = [sys.executable, "-u", str(script)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("raised", "exception", "message"),
    [
        ("RuntimeError('no way')", "builtins.RuntimeError", "no way"),
        ("RuntimeError()", "builtins.RuntimeError", ""),
        ("KeyError('a')", "builtins.KeyError", "'a'"),
        ("ValueError('one\\n\\n  two: three')", "builtins.ValueError", "one\n\n  two: three"),
        ("RuntimeError('at 0x7f001234abcd in /home/me/x/y.py:12')", "builtins.RuntimeError", "at 0x… in y.py"),
        ("__import__('json').JSONDecodeError('no', '', 0)", "json.decoder.JSONDecodeError", "no:  column 1 (char 0)"),
    ],
)
def test_the_exception_that_ended_a_script(tmp_path: Path, raised: str, exception: str, message: str) -> None:
    found = last_raised(output(tmp_path, f"print('before')\nutils.fail({raised})\n"))
    assert found["exception"] == exception
    assert found["message"] == message
    assert found["frames"] == (
        Frame(file="check.py", line=5, function="<module>"),
        Frame(file="torch/nn/utils.py", line=2, function="fail"),
    )


def test_of_several_exceptions_the_last_counts(tmp_path: Path) -> None:
    source = "try:\n    utils.fail(KeyError())\nexcept KeyError:\n    utils.fail(TypeError('second'))\n"
    found = last_raised(output(tmp_path, source))
    assert (found["exception"], found["message"]) == ("builtins.TypeError", "second")
    assert len(found["frames"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fine",
        "Traceback (most recent call last):",
        "Traceback (most recent call last):\n  File",
        "RuntimeError: no",
    ],
)
def test_texts_without_a_traceback(text: str) -> None:
    assert last_raised(text) == {}
