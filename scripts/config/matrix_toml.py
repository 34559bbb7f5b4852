"""Read ``matrix.toml``, and report every problem in it with the path of its key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from scripts.config import checks
from scripts.config.model import Matrix
from scripts.core.errors import ConfigError, did_you_mean
from scripts.core.paths import MATRIX_TOML

#: Tables of earlier versions, and what replaced them.
_REPLACED: Final = {"probes": "[probes] is now [suites.parametrization], one table for each suite"}


def load(path: Path = MATRIX_TOML) -> Matrix:
    """Read and check ``matrix.toml``. Raise `ConfigError` with every problem."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8"]) from None
    return parse(text, path)


def parse(text: str, path: Path = MATRIX_TOML) -> Matrix:
    """Parse and check the text of a ``matrix.toml``. Raise `ConfigError` with every problem."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from None
    try:
        matrix = Matrix.model_validate(data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        raise ConfigError(path, [_explain(details) for details in error.errors()]) from None
    problems = [f"{where}: {what}" for where, what in checks.problems(matrix)]
    if problems:
        raise ConfigError(path, problems)
    return matrix


def _explain(details: Any) -> str:
    """Return one of pydantic's errors as a message with the key's path and, if unknown, the nearest known key."""
    location = [str(part) for part in details["loc"]]
    where = ".".join(
        part for part in location if not part.startswith(("literal[", "function-", "tuple[", "constrained"))
    )
    match details["type"]:
        case "extra_forbidden" if where in _REPLACED:
            what = _REPLACED[where]
        case "extra_forbidden":
            what = f"unknown key {location[-1]!r}" + did_you_mean(location[-1], _keys_at(Matrix, location[:-1]))
        case "missing":
            what = "this key is required"
        case _:
            what = details["msg"].removeprefix("Value error, ")
            if isinstance(details["input"], str | int | float | bool):
                what += f" (found {details['input']!r})" if repr(details["input"]) not in what else ""
    return f"{where}: {what}"


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """Return the keys of the table at ``location``."""
    for part in location:
        field = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
        if field is None:
            continue  # the name of an entry in a table of tables, or an index
        inner = [t for t in _types_in(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
        if inner:
            model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _types_in(annotation: Any) -> Iterator[Any]:
    """Yield the types within an annotation."""
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _types_in(argument)
