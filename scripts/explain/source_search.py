"""Find the lines of a Python file that contain the parts of a message, a function or a name. Pure.

The file is parsed and never run; in a file that this Python cannot parse, nothing is found.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection, Sequence
from typing import Final

#: A string literal counts as a message's origin if it is this share of the message, or this many characters long.
_SHARE: Final = 0.4
_LONG: Final = 32
#: Placeholders in a string literal: ``{}`` of `str.format`, ``%s``.
_FILLED: Final = re.compile(r"\{[^{}]*\}|%[srdi]")


def literal_lines(source: bytes, messages: Sequence[str]) -> list[int]:
    """Return the lines of string literals that messages are made from, the longest match first.

    A literal can span lines and have placeholders: then all its pieces must occur in the message. Docstrings
    do not count: they mention messages, but raise none.
    """
    normalised = [" ".join(message.split()) for message in messages]
    if not normalised:
        return []
    found: dict[int, float] = {}
    for lines, text in _strings(source):
        weight = max((_weight(text, message) for message in normalised), default=0)
        for line in lines if weight else ():
            found[line] = max(weight, found.get(line, 0))
    return sorted(found, key=lambda line: (-found[line], line))


def _weight(text: str, message: str) -> float:
    """Return how many characters of a message come from a literal; 0 if they are too few to be conclusive."""
    pieces = [piece for raw in _FILLED.split(text) if (piece := " ".join(raw.split()))]
    length = sum(map(len, pieces))
    if not pieces or not all(piece in message for piece in pieces):
        return 0
    return length if length >= _LONG or length >= _SHARE * len(message) else 0


@functools.lru_cache(maxsize=32)  # the same files explain several observations
def _strings(source: bytes) -> list[tuple[range, str]]:
    """Return all string literals but docstrings, with their lines; f-strings are joined, with ``{}`` as placeholder."""
    nodes = list(ast.walk(_tree(source)))
    inner = {id(child) for node in nodes if isinstance(node, ast.Expr | ast.JoinedStr) for child in _parts(node)}
    found: list[tuple[range, str]] = []
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            found.append((_lines(node), node.value))
        elif isinstance(node, ast.JoinedStr):
            texts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            found.append((_lines(node), "".join(texts)))
    return found


def _parts(node: ast.Expr | ast.JoinedStr) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else [node.value]


def function_lines(source: bytes, functions: Collection[str]) -> list[int]:
    """Return the lines of all functions with these names, without their docstrings."""
    if not functions:
        return []
    found = [
        node
        for node in ast.walk(_tree(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in functions
    ]
    lines = {line for node in found for line in _lines(node)}
    return sorted(lines - {line for node in found if ast.get_docstring(node) for line in _lines(node.body[0])})


def name_lines(source: bytes, names: Collection[str]) -> list[int]:
    """Return the lines of code that use any of these names."""
    if not names:
        return []
    return sorted({node.lineno for node in ast.walk(_tree(source)) if isinstance(node, ast.Name) and node.id in names})


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


@functools.lru_cache(maxsize=32)
def _tree(source: bytes) -> ast.Module:
    """Return the syntax tree of a file; an empty one if this Python cannot parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
