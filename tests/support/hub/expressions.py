"""The expressions of GitHub Actions (``${{ … }}``): the part that the workflows use; what else there is, is refused."""

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


class UnknownError(Exception):
    """Something that this reading of expressions doesn't know."""


def fill(text: Any, context: Context) -> Any:
    """A value of a workflow with its expressions filled in; an expression alone keeps its type."""
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
    """Whether an ``if:`` holds; without a word on the state of things it also asks for success."""
    source = str(text).strip()
    if source.startswith("${{") and source.endswith("}}"):
        source = source[3:-2]
    asks = re.search(r"\b(success|failure|always|cancelled)\(", source)
    return truth(evaluate(source, context)) and (bool(asks) or truth(context["success"]()))


def evaluate(source: str, context: Context) -> Any:
    """The value of an expression. Raises `UnknownError` for what isn't known here."""
    reader = _Reader(_tokens(source), context)
    value = reader.either()
    if reader.place != len(reader.tokens):
        raise UnknownError(f"{source!r}: what follows {reader.tokens[: reader.place]} isn't understood")
    return value


def truth(value: Any) -> bool:
    """Whether a value counts as true."""
    return value not in (None, False, 0, "")


def as_text(value: Any) -> str:
    """A value as it stands in a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise UnknownError(f"an object in a text: {value!r}")


def _tokens(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while source[place:].strip():
        match = _TOKEN.match(source, place)
        if match is None:
            raise UnknownError(f"{source!r}: {source[place:]!r} isn't understood")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: Sequence[tuple[str, str]], context: Context) -> None:
        self.tokens, self.context, self.place = tokens, context, 0

    def _take(self, *signs: str) -> str | None:
        if self.place < len(self.tokens) and self.tokens[self.place] in [("sign", sign) for sign in signs]:
            self.place += 1
            return self.tokens[self.place - 1][1]
        return None

    def _want(self, sign: str) -> None:
        if self._take(sign) is None:
            raise UnknownError(f"{sign!r} is missing in {self.tokens}")

    def either(self) -> Any:
        value = self.both()
        while self._take("||"):
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self._take("&&"):
            other = self.compared()
            value = other if truth(value) else value
        return value

    def compared(self) -> Any:
        value = self.unary()
        while sign := self._take("==", "!=", "<", ">", "<=", ">="):
            value = _compare(sign, value, self.unary())
        return value

    def unary(self) -> Any:
        if self._take("!"):
            return not truth(self.unary())
        if self._take("("):
            value = self.either()
            self._want(")")
            return value
        return self.operand()

    def operand(self) -> Any:
        if self.place == len(self.tokens):
            raise UnknownError(f"something is missing in {self.tokens}")
        kind, text = self.tokens[self.place]
        self.place += 1
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text) if "." in text else int(text)
            case "name" if text in _CONSTANTS:
                return _CONSTANTS[text]
            case "name" if self._take("("):
                return self.called(text)
            case "name" if text in self.context:
                return self.properties(self.context[text])
            case _:
                raise UnknownError(f"{text!r} isn't known here")

    def called(self, name: str) -> Any:
        arguments: list[Any] = []
        while not self._take(")"):
            arguments.append(self.either())
            self._take(",")
        functions: dict[str, Callable[..., Any]] = {"fromJSON": json.loads, "toJSON": json.dumps}
        known = functions.get(name) or self.context.get(name)
        if not callable(known):
            raise UnknownError(f"the function {name!r} isn't known here")
        return self.properties(known(*arguments))

    def properties(self, value: Any) -> Any:
        while self._take("."):
            kind, name = self.tokens[self.place]
            if kind != "name":
                raise UnknownError(f"{name!r} is no property")
            self.place += 1
            if value is not None and not isinstance(value, Mapping):
                raise UnknownError(f"{name!r} of {value!r}")
            value = None if value is None else value.get(name)
        return value


def _compare(sign: str, one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        one, other = one.lower(), other.lower()
    elif type(one) is not type(other):
        one, other = _number(one), _number(other)
    match sign:
        case "==":
            return bool(one == other)
        case "!=":
            return bool(one != other)
        case "<":
            return bool(one < other)
        case ">":
            return bool(one > other)
        case "<=":
            return bool(one <= other)
        case _:
            return bool(one >= other)


def _number(value: Any) -> float:
    """What a value counts as where kinds differ."""
    if value is None or value == "":
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
