"""TorchScript's frontend: refuses unsupported Python, as far as parametrizations use it."""

from __future__ import annotations

import ast
from types import ModuleType

_UNKNOWN = {
    ast.GeneratorExp: "GeneratorExp",  # before 1.13
}


class FrontendError(Exception):
    """The source cannot be compiled."""


class NotSupportedError(FrontendError):
    """The source is not TorchScript."""


class UnsupportedNodeError(NotSupportedError):
    """The source has a construct that TorchScript does not support."""


def check(module: ModuleType) -> None:
    """Raise if a method that a parametrized model needs cannot be compiled."""
    path = str(module.__file__)
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    compiled = [
        f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name in ("get_parametrized", "forward")
    ]
    # `get_parametrized` first: the property is compiled before what it calls.
    for function in sorted(compiled, key=lambda f: f.name, reverse=True):
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                _refuse("global variables", path, node.lineno)
            for kind, name in _UNKNOWN.items():
                if isinstance(node, kind):
                    _refuse(name, path, node.lineno)


def _refuse(what: str, path: str, line: int) -> None:
    raise UnsupportedNodeError(f"{what} aren't supported:\n{shown(path, line)}")


def shown(path: str, line: int, function: str = "") -> str:
    """Return a line of a file with its context, as TorchScript shows it."""
    with open(path, encoding="utf-8") as source:
        lines = source.read().splitlines()
    location = '  File "{}", line {}{}'.format(path, line, ", in " + function if function else "")
    text = lines[line - 1]
    indent = text[: len(text) - len(text.lstrip())]
    mark = indent + "~" * len(text.strip()) + " <--- HERE"
    context = [*lines[max(0, line - 3) : line], mark, *lines[line : line + 2]]
    return "\n".join([location, *("    " + row[4:] if row else "" for row in context), ""])
