"""Where in the text of a Python file something stands: the parts of a message, a function. Pure.

The file is parsed and never run; of one that this Python can't parse, nothing is found.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection, Sequence
from typing import Final

#: What a text in the source needs to be taken for a message's origin: this share of it, or this many characters.
_SHARE: Final = 0.4
_LONG: Final = 32
#: Where a text of the source is filled in at run time: ``{}`` of `str.format`, ``%s``.
_FILLED: Final = re.compile(r"\{[^{}]*\}|%[srdi]")


def literal_lines(source: bytes, messages: Sequence[str]) -> list[int]:
    """The lines on which texts stand that a message is made of, the most telling first.

    A message of the source can be split over lines, and filled in at run time: then all its pieces must be in
    what was seen. Docstrings don't count: they speak of messages and raise none.
    """
    said = [" ".join(message.split()) for message in messages]
    if not said:
        return []
    found: dict[int, float] = {}
    for lines, text in _strings(source):
        weight = max((_weight(text, message) for message in said), default=0)
        for line in lines if weight else ():
            found[line] = max(weight, found.get(line, 0))
    return sorted(found, key=lambda line: (-found[line], line))


def _weight(text: str, message: str) -> float:
    """The characters of a message that a text of the source explains; 0 where that is too little to tell."""
    pieces = [piece for raw in _FILLED.split(text) if (piece := " ".join(raw.split()))]
    length = sum(map(len, pieces))
    if not pieces or not all(piece in message for piece in pieces):
        return 0
    return length if length >= _LONG or length >= _SHARE * len(message) else 0


@functools.lru_cache(maxsize=32)  # the same files explain several observations
def _strings(source: bytes) -> list[tuple[range, str]]:
    """Every text of a file but docstrings, with its lines; of an f-string the whole, with ``{}`` where it is filled."""
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
    """The lines of all functions of these names, without their docstrings."""
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
    """The lines of code on which any of these names stands."""
    if not names:
        return []
    return sorted({node.lineno for node in ast.walk(_tree(source)) if isinstance(node, ast.Name) and node.id in names})


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


@functools.lru_cache(maxsize=32)
def _tree(source: bytes) -> ast.Module:
    """The syntax of a file; of one that this Python can't read, nothing."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
