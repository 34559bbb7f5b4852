"""Resolve dependency groups (PEP 735) to requirement lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name

from scripts.core.errors import did_you_mean


def resolve(groups: Mapping[str, Any], name: str, including: tuple[str, ...] = ()) -> list[str]:
    """Return the requirement lines of a group, with those of the groups that it includes.

    Raises:
        ValueError: the group is unknown, includes itself, or has an item that is neither a line nor an inclusion.
    """
    known = {canonicalize_name(key): items for key, items in groups.items()}
    key = canonicalize_name(name)
    if key not in known:
        raise ValueError(f"dependency-groups: unknown group {name!r}{did_you_mean(name, list(groups))}")
    if key in including:
        raise ValueError(f"dependency-groups.{name}: circular: {' → '.join([*including, key])}")
    lines: list[str] = []
    for item in known[key]:
        match item:
            case str():
                lines.append(item)
            case {"include-group": str(included)}:
                lines += resolve(groups, included, (*including, key))
            case _:
                raise ValueError(f"dependency-groups.{name}: neither a requirement nor an included group: {item!r}")
    return lines
