"""Reasons for cells without observations: each told once with its cells, and with a hint if one is known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from scripts.core.documents import StrictModel
from scripts.records.essence import essence, hint
from scripts.records.model import Reason
from scripts.records.signature import gist

#: Characters of a message that is told whole, such as one with the path of a file.
_MAX_LENGTH: Final = 400


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
    groups: dict[tuple[object, ...], list[Unrecorded]] = {}
    for cell in cells:
        reason = cell.reason
        about = (reason.stage, reason.kind, gist(essence(reason.message))) if reason else ()
        groups.setdefault((cell.status, *about), []).append(cell)
    return tuple(map(_shared, groups.values()))


def _shared(cells: Sequence[Unrecorded]) -> SharedReason:
    first = cells[0]
    members = tuple(f"{cell.platform}/{cell.asked or cell.id}" for cell in cells)
    if first.reason is None:
        return SharedReason(status=first.status, cells=members)
    return SharedReason(
        status=first.status,
        stage=first.reason.stage,
        kind=first.reason.kind,
        message=_message([cell.reason.message for cell in cells if cell.reason]),
        hint=hint(first.reason.message),
        cells=members,
    )


def _message(messages: Sequence[str]) -> str:
    """Return the line that all messages are, whole unless it is very long, or else in short."""
    texts = {essence(message).strip() for message in messages}
    text = min(texts)
    return text if len(texts) == 1 and "\n" not in text and len(text) <= _MAX_LENGTH else gist(essence(messages[0]))
