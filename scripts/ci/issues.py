"""The issues that the workflows maintain: their texts, and the action that brings GitHub up to date. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from scripts.core import escaping
from scripts.core.documents import StrictModel
from scripts.history.report import ChangePoint, Report
from scripts.records.drift import Drift

Kind = Literal["drift", "nightly"]

#: Bytes of an issue's body; GitHub's limit is 65,536 characters.
_MAX_BODY: Final = 60_000
#: Items listed under a heading; the report has all of them.
_MAX_ITEMS: Final = 30


class IssueText(StrictModel):
    """The title and body of an issue; both are None once there is nothing to report."""

    kind: Kind
    title: str | None
    body: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenIssue:
    """An open issue on GitHub."""

    number: int
    title: str
    body: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class IssueAction:
    """A change to make on GitHub. ``body`` is the comment of an issue that is closed."""

    do: Literal["create", "update", "close"]
    number: int | None = None
    title: str = ""
    body: str = ""


def decide(wanted: IssueText, issues: Iterable[OpenIssue], link: str | None) -> IssueAction | None:
    """Return the action that makes the oldest issue of a kind say ``wanted``, or None if it already does.

    A marker at the end of the body identifies the issue, and holds a digest of its text.

    Args:
        wanted: the text; its kind selects the issue.
        issues: the open issues.
        link: the URL of the workflow run.
    """
    of_kind = [issue for issue in issues if _marked_digest(issue.body, wanted.kind) is not None]
    current = min(of_kind, key=lambda issue: issue.number, default=None)
    if wanted.title is None or wanted.body is None:
        return IssueAction(do="close", number=current.number, body=_closing_comment(link)) if current else None
    digest = hashlib.sha256(f"{wanted.title}\n{wanted.body}".encode()).hexdigest()[:16]
    body = escaping.cut(wanted.body, _MAX_BODY) + _footer(link) + f"\n<!-- matrix:{wanted.kind} {digest} -->\n"
    if current is None:
        return IssueAction(do="create", title=wanted.title, body=body)
    if _marked_digest(current.body, wanted.kind) == digest:
        return None
    return IssueAction(do="update", number=current.number, title=wanted.title, body=body)


def _marked_digest(body: str, kind: Kind) -> str | None:
    match = re.search(rf"^<!-- matrix:{kind} ([0-9a-f]{{16}}) -->\s*\Z", body, re.MULTILINE)
    return match[1] if match else None


def _footer(link: str | None) -> str:
    return f"\n\n[The workflow run]({link}) has the full report.\n" if link else "\n"


def _closing_comment(link: str | None) -> str:
    return "No longer observed" + (f", as of [this run]({link})." if link else ".")


def drift(found: Sequence[Drift], report: Report) -> IssueText:
    """Return the issue about drift: the differences with their cells, and the change points of these observations."""
    if not found:
        return IssueText(kind="drift", title=None, body=None)
    cells = {(item.platform, item.cell) for item in found}
    names = {item.name for item in found if item.name}
    parts = [
        "Fresh records differ from the accepted results. Where the new behaviour is right, `nox -s accept` accepts it.",
        *_limited([_difference(group) for group in _equal_drift(found)]),
        *change_points([change for change in report.changes if change.name in names]),
    ]
    title = f"Drift: {_count(len(found), 'observation')} in {_count(len(cells), 'cell')}"
    return IssueText(kind="drift", title=title, body="\n\n".join(parts))


def _equal_drift(found: Iterable[Drift]) -> list[list[Drift]]:
    """Group the drift of an observation that is the same in several cells."""
    groups: Mapping[object, list[Drift]] = defaultdict(list)
    for item in found:
        groups[item.name, item.kind, item.accepted, item.fresh].append(item)
    return list(groups.values())


def _difference(group: Sequence[Drift]) -> str:
    first = group[0]
    name = escaping.code(first.name) if first.name else "the cell itself"
    cells = ", ".join(escaping.code(f"{item.platform}/{item.cell}") for item in group)
    change = escaping.fenced(f"accepted: {first.accepted}\nnow:      {first.fresh}")
    return f"**{name}**: {first.kind}, in {cells}\n\n{change}"


def change_points(changes: Iterable[ChangePoint]) -> list[str]:
    """Return a section of change points, as code since they quote untrusted messages; empty if there are none."""
    found = dict.fromkeys(change.sentence for change in changes)
    return ["### Change points", *_limited([escaping.fenced(text) for text in found])] if found else []


def nightly(*, release: str, night: str, changes: Sequence[str], bisected: str) -> IssueText:
    """Return the issue about a nightly that behaves differently from the last release."""
    if not changes:
        return IssueText(kind="nightly", title=None, body=None)
    parts = [
        f"The nightly {escaping.code(night)} behaves differently from {escaping.code(release)}.",
        *_limited([escaping.fenced(text) for text in changes]),
        "### Where it changed",
        bisected,
    ]
    title = f"Nightly: {_count(len(changes), 'observation')} changed since {release}"
    return IssueText(kind="nightly", title=title, body="\n\n".join(parts))


def _limited(items: Sequence[str]) -> list[str]:
    more = len(items) - _MAX_ITEMS
    return [*items[:_MAX_ITEMS], *([f"… and {more} more; the report lists them."] if more > 0 else [])]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
