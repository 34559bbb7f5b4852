"""Issues that the workflows keep: their texts, and whether one has to be opened, updated or closed. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from scripts import printable
from scripts.history.report import ChangePoint, Report
from scripts.results.drift import Drift
from scripts.results.records import Part

Kind = Literal["drift", "nightly"]

#: GitHub takes 65,536 characters.
_BODY: Final = 60_000
#: More of one sort than anybody reads; the whole is in the report.
_MOST: Final = 30


class Text(Part):
    """What an issue is to say; nothing (None) where there is nothing to tell any more."""

    kind: Kind
    title: str | None
    body: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Open:
    """An open issue."""

    number: int
    title: str
    body: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Action:
    """What to do at GitHub."""

    do: Literal["create", "update", "close"]
    number: int | None = None
    title: str = ""
    body: str = ""


def decide(wanted: Text, issues: Iterable[Open], link: str | None) -> Action | None:
    """One issue of a kind, the oldest: opened, brought up to date, closed, or left as it is (None).

    It is known by a marker in its body, which also tells whether it says the same already.
    """
    mine = sorted((one for one in issues if _marker_of(one.body, wanted.kind) is not None), key=lambda one: one.number)
    if wanted.title is None or wanted.body is None:
        return Action(do="close", number=mine[0].number, body=_gone(link)) if mine else None
    digest = hashlib.sha256(f"{wanted.title}\n{wanted.body}".encode()).hexdigest()[:16]
    body = printable.cut(wanted.body, _BODY) + _foot(link) + f"\n<!-- matrix:{wanted.kind} {digest} -->\n"
    if not mine:
        return Action(do="create", title=wanted.title, body=body)
    if _marker_of(mine[0].body, wanted.kind) == digest:
        return None
    return Action(do="update", number=mine[0].number, title=wanted.title, body=body)


def _marker_of(body: str, kind: Kind) -> str | None:
    match = re.search(rf"^<!-- matrix:{kind} ([0-9a-f]{{16}}) -->\s*\Z", body, re.MULTILINE)
    return match[1] if match else None


def _foot(link: str | None) -> str:
    return f"\n\n[The run that found it]({link}) has the whole report.\n" if link else "\n"


def _gone(link: str | None) -> str:
    return "This is not seen any more" + (f", as of [this run]({link})." if link else ".")


def drift(found: Sequence[Drift], report: Report) -> Text:
    """The issue about drift: what differs in which cells, and the change points of what drifts."""
    if not found:
        return Text(kind="drift", title=None, body=None)
    cells = {(one.cell.platform, one.cell.id) for one in found}
    names = {one.name for one in found if one.name}
    parts = [
        "What was recorded differs from the accepted results; where it is right, `nox -s accept` accepts it.",
        *_cut([_different(group) for group in _alike(found)]),
        *change_points([change for change in report.changes if change.name in names]),
    ]
    title = f"Drift: {_count(len(found), 'observation')} in {_count(len(cells), 'cell')}"
    return Text(kind="drift", title=title, body="\n\n".join(parts))


def _alike(found: Iterable[Drift]) -> list[list[Drift]]:
    """The drift of one thing that is the same in several cells, together."""
    groups: Mapping[object, list[Drift]] = defaultdict(list)
    for one in found:
        groups[one.name, one.kind, one.accepted, one.fresh].append(one)
    return list(groups.values())


def _different(group: Sequence[Drift]) -> str:
    first = group[0]
    name = printable.code(first.name) if first.name else "the cell itself"
    cells = ", ".join(printable.code(f"{one.cell.platform}/{one.cell.id}") for one in group)
    change = printable.fenced(f"accepted: {first.accepted}\nnow:      {first.fresh}")
    return f"**{name}**: {first.kind}, in {cells}\n\n{change}"


def change_points(changes: Iterable[ChangePoint]) -> list[str]:
    """Change points as code, since they hold messages of strangers; nothing where there are none."""
    found = dict.fromkeys(change.sentence for change in changes)
    return ["### Change points", *_cut([printable.fenced(text) for text in found])] if found else []


def nightly(*, release: str, night: str, changes: Sequence[str], bisected: str) -> Text:
    """The issue about a nightly that doesn't do what the last release does."""
    if not changes:
        return Text(kind="nightly", title=None, body=None)
    parts = [
        f"The nightly {printable.code(night)} behaves differently from {printable.code(release)}.",
        *_cut([printable.fenced(text) for text in changes]),
        "### Since when",
        bisected,
    ]
    title = f"Nightly: {_count(len(changes), 'observation')} changed since {release}"
    return Text(kind="nightly", title=title, body="\n\n".join(parts))


def _cut(parts: Sequence[str]) -> list[str]:
    more = len(parts) - _MOST
    return [*parts[:_MOST], *([f"… and {more} more, which the report has."] if more > 0 else [])]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
