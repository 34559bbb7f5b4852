"""Reasons for cells without observations: each told once with its cells, and with a hint if one is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scripts.core.documents import StrictModel
from scripts.records.essence import essence, hint
from scripts.records.model import Reason
from scripts.records.signature import gist


class SharedReason(StrictModel):
    """A reason and the cells that have it."""

    status: str
    stage: str | None = None
    kind: str | None = None
    message: str | None = None
    hint: str | None = None
    cells: tuple[str, ...]  # platform/id, in order of releases


class Unrecorded(Protocol):
    """A cell without observations."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def asked(self) -> str | None:
        """The id of the requested cell."""

    @property
    def platform(self) -> str:
        """Its platform."""

    @property
    def status(self) -> str:
        """Its status."""

    @property
    def reason(self) -> Reason | None:
        """The failure."""


def shared(cells: Sequence[Unrecorded]) -> tuple[SharedReason, ...]:
    """Return the reasons of some cells, in order of their first cells."""
    found: dict[tuple[str, str | None, str | None, str | None], list[str]] = {}
    hints: dict[tuple[str, str | None, str | None, str | None], str | None] = {}
    for cell in cells:
        reason = cell.reason
        key = (
            cell.status,
            reason.stage if reason else None,
            reason.kind if reason else None,
            gist(essence(reason.message)) if reason else None,
        )
        found.setdefault(key, []).append(f"{cell.platform}/{cell.asked or cell.id}")
        hints.setdefault(key, hint(reason.message) if reason else None)
    return tuple(
        SharedReason(status=key[0], stage=key[1], kind=key[2], message=key[3], hint=hints[key], cells=tuple(members))
        for key, members in found.items()
    )
