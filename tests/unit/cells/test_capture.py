"""The built-in suite `capture`, read as source: it runs only where torch is installed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.config import matrix_toml

SUITE = Path(__file__).parents[2] / "cells" / "capture"
FILES = sorted(SUITE.glob("test_*.py"))


def functions(path: Path, prefix: str = "") -> Iterator[ast.FunctionDef]:
    """Return the module's own functions whose names begin with a prefix."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith(prefix):
            yield node


def names(test: ast.FunctionDef) -> list[str]:
    """Return the names of observations in a test, with ``*`` for what is inserted."""
    return [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in getattr(text, "values", [text]))
        for call in ast.walk(test)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "").startswith("observe")
        for text in call.args
        if isinstance(text, (ast.Constant, ast.JoinedStr))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_test_says_what_it_means(path: Path) -> None:
    tests = list(functions(path, "test_"))
    assert tests
    assert [test.name for test in tests if not ast.get_docstring(test)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_test_observes_how_and_what(path: Path) -> None:
    for test in functions(path, "test_"):
        assert names(test), f"{test.name} observes nothing"
        for name in names(test):
            how, slash, what = name.partition("/")
            assert how, name
            assert slash, name
            assert what, name


def test_every_model_says_what_is_parametrized() -> None:
    assert [model.name for model in functions(SUITE / "models.py") if not ast.get_docstring(model)] == []


def test_order_names_every_file() -> None:
    assert sorted(matrix_toml.load().suites["capture"].order) == [path.name for path in FILES]
