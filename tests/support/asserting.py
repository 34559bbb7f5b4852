"""Messages of failed assertions from pytest itself, to compare those of several runs of generated tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: Start of the generated tests: ``r()`` is another float in every run, and `Tensor` prints itself as torch does.
PRELUDE: Final = '''
import dataclasses, random, pytest

class Tensor:
    """Prints random elements as torch prints them."""
    def __init__(self, *shape, form="{:7.4f}", rest="", row=""):
        self.shape, self.form, self.rest, self.row = shape, form, rest, row
    def __eq__(self, other):
        return False
    __hash__ = None
    def _rows(self, shape, depth):
        if not shape:
            return self.form.format(random.uniform(-9, 9))
        inner = [self._rows(shape[1:], depth + 1) for _ in range(shape[0])]
        if self.row and len(shape) == 1:
            inner[2:-2] = [self.row]
        return "[" + (", " if len(shape) == 1 else ",\\n" + " " * (8 + depth)).join(inner) + "]"
    def __repr__(self):
        return f"tensor({self._rows(self.shape, 0)}{self.rest})"

class Sparse:
    def __repr__(self):
        values = ", ".join(f"{r():.4f}" for _ in range(3))
        return (f"tensor(indices=tensor([[{random.randrange(9)}, 1, 2],\\n                       [0, 1, 2]]),\\n"
                f"       values=tensor([{values}]),\\n       size=(3, 3), nnz=3, layout=torch.sparse_coo)")

class Array(Tensor):
    def __repr__(self):
        return f"array({self._rows(self.shape, 0)}{self.rest})"

@dataclasses.dataclass
class Point:
    name: str
    x: float
    y: float

@dataclasses.dataclass
class Line:
    start: Point
    end: Point
    weights: list

class Plain:
    def value(self):
        return r()

def r():
    return random.choice([1, -1, 1e-9, 1e20]) * random.random()

def rs(n):
    return [r() for _ in range(n)]

def f(*args, **kwargs):
    return r()

def no(*args):
    return False

def tensor_like(*args):
    return Tensor(4, 5)
'''

_CONFTEST: Final = """
import json, pathlib
MESSAGES = {}

def pytest_exception_interact(node, call):
    MESSAGES[node.name] = str(call.excinfo.value)

def pytest_sessionfinish():
    pathlib.Path("messages.json").write_text(json.dumps(MESSAGES))
"""


def messages(
    folder: Path, statements: Mapping[str, str], runs: int, options: Sequence[str] = (), **env: str
) -> dict[str, set[str]]:
    """Return the messages of statements that raise, by name, each from a number of runs."""
    tests = [
        f"def test_{number}_{run}():\n    random.seed({number * 1000 + run})\n"
        + "".join(f"    {line}\n" for line in statement.splitlines())
        for number, statement in enumerate(statements.values())
        for run in range(runs)
    ]
    (folder / "conftest.py").write_text(_CONFTEST, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (folder / "test_values.py").write_text("\n".join([PRELUDE, *tests]), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", *options]
    environ = os.environ | env
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, str] = json.loads((folder / "messages.json").read_text("utf-8"))
    return {name: {found[f"test_{number}_{run}"] for run in range(runs)} for number, name in enumerate(statements)}
