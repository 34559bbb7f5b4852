"""Expressions of GitHub Actions (``${{ … }}``), as far as the workflows use them; others are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Context = Mapping[str, Any]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[!<>()\[\].,]))"
)
_CONSTANTS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}


class UnsupportedError(Exception):
    """An expression has a part that is not supported here."""


def fill(text: Any, context: Context) -> Any:
    """Return a value of a workflow with its expressions evaluated; a single expression keeps its type."""
    if isinstance(text, Mapping):
        return {name: fill(value, context) for name, value in text.items()}
    if isinstance(text, list):
        return [fill(value, context) for value in text]
    if not isinstance(text, str):
        return text
    whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", text, re.DOTALL)
    if whole:
        return evaluate(whole[1], context)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: as_text(evaluate(match[1], context)), text, flags=re.DOTALL)


def condition(text: object, context: Context) -> bool:
    """Return whether an ``if:`` holds; it also requires success, unless it calls a status function."""
    source = str(text).strip()
    if source.startswith("${{") and source.endswith("}}"):
        source = source[3:-2]
    has_status_function = re.search(r"\b(success|failure|always|cancelled)\(", source)
    return truth(evaluate(source, context)) and (bool(has_status_function) or truth(context["success"]()))


def evaluate(source: str, context: Context) -> Any:
    """Return the value of an expression. Raises `UnsupportedError` for one that is not supported here."""
    reader = _Reader(_tokens(source), context)
    value = reader.disjunction()
    if reader.position != len(reader.tokens):
        raise UnsupportedError(f"{source!r}: not understood after {reader.tokens[: reader.position]}")
    return value


def truth(value: Any) -> bool:
    """Return whether a value counts as true."""
    return value not in (None, False, 0, "")


def as_text(value: Any) -> str:
    """Return a value as part of a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise UnsupportedError(f"an object in a text: {value!r}")


def _tokens(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while source[position:].strip():
        match = _TOKEN.match(source, position)
        if match is None:
            raise UnsupportedError(f"{source!r}: {source[position:]!r} is not understood")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return found


class _Reader:
    """Evaluates tokens by recursive descent, one method a level of precedence."""

    def __init__(self, tokens: Sequence[tuple[str, str]], context: Context) -> None:
        self.tokens, self.context, self.position = tokens, context, 0

    def _take(self, *signs: str) -> str | None:
        if self.position < len(self.tokens) and self.tokens[self.position] in [("sign", sign) for sign in signs]:
            self.position += 1
            return self.tokens[self.position - 1][1]
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise UnsupportedError(f"{sign!r} is missing in {self.tokens}")

    def disjunction(self) -> Any:
        value = self.conjunction()
        while self._take("||"):
            right = self.conjunction()
            value = value if truth(value) else right
        return value

    def conjunction(self) -> Any:
        value = self.comparison()
        while self._take("&&"):
            right = self.comparison()
            value = right if truth(value) else value
        return value

    def comparison(self) -> Any:
        value = self.unary()
        while sign := self._take("==", "!=", "<", ">", "<=", ">="):
            value = _compare(sign, value, self.unary())
        return value

    def unary(self) -> Any:
        if self._take("!"):
            return not truth(self.unary())
        if self._take("("):
            value = self.disjunction()
            self._expect(")")
            return value
        return self.operand()

    def operand(self) -> Any:
        if self.position == len(self.tokens):
            raise UnsupportedError(f"operand is missing in {self.tokens}")
        kind, text = self.tokens[self.position]
        self.position += 1
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text) if "." in text else int(text)
            case "name" if text in _CONSTANTS:
                return _CONSTANTS[text]
            case "name" if self._take("("):
                return self.call(text)
            case "name" if text in self.context:
                return self.properties(self.context[text])
            case _:
                raise UnsupportedError(f"{text!r} is not supported here")

    def call(self, name: str) -> Any:
        arguments: list[Any] = []
        while not self._take(")"):
            arguments.append(self.disjunction())
            self._take(",")
        functions: dict[str, Callable[..., Any]] = {"fromJSON": json.loads, "toJSON": json.dumps}
        known = functions.get(name) or self.context.get(name)
        if not callable(known):
            raise UnsupportedError(f"the function {name!r} is not supported here")
        return self.properties(known(*arguments))

    def properties(self, value: Any) -> Any:
        while self._take("."):
            kind, name = self.tokens[self.position]
            if kind != "name":
                raise UnsupportedError(f"not a property: {name!r}")
            self.position += 1
            if value is not None and not isinstance(value, Mapping):
                raise UnsupportedError(f"{name!r} of {value!r}")
            value = None if value is None else value.get(name)
        return value


def _compare(sign: str, left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.lower(), right.lower()
    elif type(left) is not type(right):
        left, right = _number(left), _number(right)
    match sign:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case ">":
            return bool(left > right)
        case "<=":
            return bool(left <= right)
        case _:
            return bool(left >= right)


def _number(value: Any) -> float:
    """Return a value as a number, to compare values of different types."""
    if value is None or value == "":
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
