"""Read the marker ``known_defect`` in the files of a suite, for records that were made before it was recorded.

A file is only parsed, never imported. The marker's sentence must be a literal, on a function, a class or, as
``pytestmark``, for the whole file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_MARKER: Final = "known_defect"


def declared(folder: Path) -> dict[str, str]:
    """Return the sentence of each marked test of a suite by node id, without parameters."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else []:
        try:
            source = path.read_bytes()
        except OSError:
            continue
        if _MARKER.encode() in source:
            found |= {
                f"{path.relative_to(folder).as_posix()}::{name}": text for name, text in in_source(source).items()
            }
    return found


def in_source(source: bytes) -> Mapping[str, str]:
    """Return the sentences in a test file by the path inside it, such as ``Class::test``; none for invalid Python."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return dict(_marked(module.body, _of_statements(module.body), ""))


def _marked(body: Sequence[ast.stmt], inherited: str | None, prefix: str) -> Iterator[tuple[str, str]]:
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        sentence = _first(statement.decorator_list) or inherited
        if isinstance(statement, ast.ClassDef):
            own = _first(statement.decorator_list) or _of_statements(statement.body) or inherited
            yield from _marked(statement.body, own, f"{prefix}{statement.name}::")
        elif sentence:
            yield f"{prefix}{statement.name}", sentence


def _of_statements(body: Sequence[ast.stmt]) -> str | None:
    """Return the sentence of ``pytestmark``."""
    for statement in body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in statement.targets
        ):
            value = statement.value
            return _first(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    return None


def _first(marks: Sequence[ast.expr]) -> str | None:
    return next((sentence for mark in marks if (sentence := _sentence(mark))), None)


def _sentence(mark: ast.expr) -> str | None:
    match mark:
        case ast.Call(func=ast.Attribute(attr="known_defect"), args=[ast.Constant(value=str(text))], keywords=[]):
            return " ".join(text.split()) or None
        case _:
            return None
