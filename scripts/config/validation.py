"""Turn pydantic's errors into messages that name the key, the problem and the nearest known key. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from scripts.core.errors import did_you_mean

#: Tables of earlier versions, and what replaced them.
_REPLACED: Final = {"probes": "[probes] is now [suites.parametrization], one table for each suite"}


def explain(details: Any, model: type[BaseModel]) -> str:
    """Return one of pydantic's errors as a message with the key's path and, if unknown, the nearest known key."""
    location = [str(part) for part in details["loc"]]
    where = ".".join(
        part for part in location if not part.startswith(("literal[", "function-", "tuple[", "constrained"))
    )
    match details["type"]:
        case "extra_forbidden" if where in _REPLACED:
            what = _REPLACED[where]
        case "extra_forbidden":
            what = f"unknown key {location[-1]!r}" + did_you_mean(location[-1], _keys_at(model, location[:-1]))
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
