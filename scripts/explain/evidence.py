"""Compare the Python files of two wheels for the cause of a change in behaviour.

The files named by tracebacks are compared; the hunks of interest contain the message, the line that raises or the
function. If none of these files differs, the cause lies elsewhere: in compiled code, or in a file that no traceback
names. Then the changed files of ``torch/jit`` and ``torch/nn`` are listed, which needs only their sizes and CRCs.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal

from scripts.explain.scan import Text
from scripts.explain.source_search import function_lines, literal_lines, name_lines
from scripts.history.report import Hunk
from scripts.index import torch_version
from scripts.index.remote_wheels import Member, Reader
from scripts.index.torch_version import VERSION_FILE, Torch
from scripts.index.wheel_files import WheelFile
from scripts.records.model import Raised

#: Compared in any case, since TorchScript's errors and warnings have no traceback.
ALWAYS: Final = ("torch/nn/utils/parametrize.py", "torch/jit/_trace.py", "torch/jit/_script.py")
#: Folders in which a cause may lie otherwise.
NEARBY: Final = ("torch/jit/", "torch/nn/")

_CONTEXT: Final = 3
#: Lines of a hunk shown around the one that explains most; a rewritten file is one hunk of hundreds.
_AROUND: Final = 8

Why = Literal["message", "category", "line", "function"]
_RANK: Final[Mapping[Why, int]] = {"message": 0, "category": 1, "line": 2, "function": 3}
#: Reasons that leave no doubt: the message itself, or the category of the warning.
_CONCLUSIVE: Final = frozenset[Why]({"message", "category"})
_MEANING: Final[Mapping[Why, str]] = {
    "category": "another category of the same warning",
    "line": "changed beside the line that raised",
    "function": "changed in the function that raised",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needles:
    """The search terms for the sources: texts and frames that an observation has on one side of a change only."""

    messages: tuple[str, ...] = ()
    categories: frozenset[str] = frozenset()  # of warnings, without their module
    lines: frozenset[tuple[str, int]] = frozenset()  # file and line of the frame that raised
    functions: frozenset[str] = frozenset()  # the one that raised
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, observed: Raised | None, opposite: Raised | None = None) -> Needles:
        """Return the message of an observation, its warnings, and its frames within torch.

        Texts that the ``opposite`` side has as well explain no change; only the files count then.
        """
        if observed is None:
            return cls()
        frames = [frame for frame in observed.frames if frame.file.startswith("torch/")]
        files = tuple(dict.fromkeys(frame.file for frame in reversed(frames)))
        warned = [w for w in observed.warnings if opposite is None or w not in opposite.warnings]
        categories = frozenset(warning.category.rpartition(".")[2] for warning in warned)
        texts = [warning.message for warning in warned]
        if opposite and (observed.exception, observed.message) == (opposite.exception, opposite.message):
            return cls(messages=tuple(texts), categories=categories, files=files)
        return cls(
            messages=tuple(text for text in [observed.message, *texts] if text),
            categories=categories,
            # Only the innermost frame: the lines of its callers change all the time.
            lines=frozenset((frame.file, frame.line) for frame in frames[-1:]),
            functions=frozenset(frame.function for frame in frames[-1:]),
            files=files,
        )


class RankedHunk(Hunk):
    """A hunk with the reason for which it was found; its line is on the side ``side``."""

    why: Why
    side: Literal["before", "after"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The files of two wheels, compared for the cause of a change."""

    before: Torch | None
    after: Torch | None
    compare: str | None  # GitHub's page of the commits between
    looked_at: tuple[str, ...]
    differing: tuple[str, ...]  # those of `looked_at` that differ
    hunks: tuple[RankedHunk, ...]  # those that explain most first
    elsewhere: tuple[str, ...]  # other changed files of torch/jit and torch/nn, unless the hunks are conclusive
    note: str | None = None  # such as that another wheel was read in place of the tested one

    @property
    def summary(self) -> str:
        """The result in a sentence."""
        if self.hunks:
            first = self.hunks[0]
            doubt = f" ({_MEANING[first.why]})" if first.why in _MEANING else ""
            return f"{self._where(first)}: {first.text}{doubt}"
        number = len(self.elsewhere)
        others = f" or in {number} other changed file{'s' * (number != 1)} of torch/jit and torch/nn" if number else ""
        if self.differing:
            files = ", ".join(self.differing)
            return f"{files} changed, but in no line that matches: the cause may be there, in compiled code{others}"
        return f"none of {', '.join(self.looked_at)} differs: the cause lies elsewhere, in compiled code{others}"

    @property
    def shown(self) -> tuple[RankedHunk, ...]:
        """The hunks worth showing: those found for the same reason as the first."""
        return tuple(hunk for hunk in self.hunks if hunk.why == self.hunks[0].why)

    def _where(self, first: RankedHunk) -> str:
        """Return a hunk's file with all lines that have the text of the hunk."""
        same = (first.file, first.side, first.text)
        lines = [str(hunk.line) for hunk in self.hunks if (hunk.file, hunk.side, hunk.text) == same]
        return f"{first.file}:{','.join(lines)}" + ("" if first.side == "after" else " (before)")


def compare(
    reader: Reader, before: WheelFile, after: WheelFile, *, needles_before: Needles, needles_after: Needles
) -> Comparison:
    """Compare the files of two wheels, and find the hunks that contain what was observed.

    Raises:
        WebError: a wheel cannot be read.
    """
    files = tuple(dict.fromkeys([*needles_after.files, *needles_before.files, *ALWAYS]))
    tables = reader.contents(before), reader.contents(after)
    differing = tuple(file for file in files if tables[0].get(file) != tables[1].get(file))
    wanted = [*differing, VERSION_FILE]
    old, new = reader.read(before, wanted), reader.read(after, wanted)
    hunks = [
        hunk
        for file in differing
        for hunk in hunks_of(
            file, old[file] or b"", new[file] or b"", needles_before=needles_before, needles_after=needles_after
        )
    ]
    torches = [torch_version.parse(side[VERSION_FILE] or b"") for side in (old, new)]
    return Comparison(
        before=torches[0],
        after=torches[1],
        compare=torch_version.compare_link(*torches),
        looked_at=files,
        differing=differing,
        hunks=tuple(sorted(hunks, key=lambda hunk: (_RANK[hunk.why], hunk.side != "after"))),
        elsewhere=() if any(hunk.why in _CONCLUSIVE for hunk in hunks) else _nearby(*tables, without=differing),
    )


def _nearby(before: Mapping[str, Member], after: Mapping[str, Member], *, without: Collection[str]) -> tuple[str, ...]:
    """Return other Python files of torch/jit and torch/nn that were added, removed or changed (by size and CRC)."""
    names = sorted({*before, *after} - {*without})
    nearby = [name for name in names if name.startswith(NEARBY) and name.endswith(".py")]
    return tuple(name for name in nearby if before.get(name) != after.get(name))


def hunks_of(
    file: str, before: bytes, after: bytes, *, needles_before: Needles, needles_after: Needles
) -> list[RankedHunk]:
    """Return the hunks of a file's diff that contain what was observed. Pure.

    A change can remove the code that raised before as well as add the code that raises after, so each side is searched
    for its own observation.
    """
    old, new = Text.of(before).lines, Text.of(after).lines
    sides = (_Side.of("after", file, after, needles_after), _Side.of("before", file, before, needles_before))
    found = []
    for group in _groups(before, after):
        matches = [(why, side, line) for side in sides for why, line in side.match(group)]
        if matches:
            why, side, line = min(matches, key=lambda match: _RANK[match[0]])
            text = (new if side.name == "after" else old)[line - 1].strip()
            diff = _unified(old, new, group, side.name, line)
            found.append(RankedHunk(file=file, why=why, side=side.name, line=line, text=text, diff=diff))
    return found


Opcode = tuple[str, int, int, int, int]


@functools.lru_cache(maxsize=16)  # the same two files explain several observations
def _groups(before: bytes, after: bytes) -> list[list[Opcode]]:
    """Return the hunks of a diff."""
    matcher = difflib.SequenceMatcher(None, Text.of(before).lines, Text.of(after).lines)
    return [list(group) for group in matcher.get_grouped_opcodes(_CONTEXT)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Side:
    """One side of a diff, with the numbers (from 1) of the lines that match; those that explain most first."""

    name: Literal["before", "after"]
    messages: Sequence[int]
    categories: Sequence[int]
    raising: Sequence[int]
    functions: Sequence[int]

    @classmethod
    def of(cls, name: Literal["before", "after"], file: str, content: bytes, needles: Needles) -> _Side:
        return cls(
            name=name,
            messages=literal_lines(content, needles.messages),
            categories=name_lines(content, needles.categories),
            raising=[line for path, line in needles.lines if path == file],
            functions=function_lines(content, needles.functions),
        )

    def match(self, group: Sequence[Opcode]) -> Iterator[tuple[Why, int]]:
        """Yield the reasons for which a hunk explains something on this side, each with its line."""
        changed = self._changed(group)
        shown = range(self._start(group[0]) + 1, self._stop(group[-1]) + 1)
        # The name of a category matters only next to the warning's text, which may be unchanged.
        named = self.categories if any(line in shown for line in self.messages) else ()
        searches: list[tuple[Why, Sequence[int], Collection[int]]] = [
            ("message", self.messages, changed),
            ("category", named, changed),
            ("line", self.raising, shown),
            ("function", self.functions, changed),
        ]
        for why, matching, lines in searches:
            if (first := next((line for line in matching if line in lines), None)) is not None:
                yield why, first

    def _changed(self, group: Sequence[Opcode]) -> frozenset[int]:
        """Return the numbers, from 1, of the lines that only this side has."""
        return frozenset(
            line + 1 for code in group if code[0] != "equal" for line in range(self._start(code), self._stop(code))
        )

    def _start(self, code: Opcode) -> int:
        return code[3] if self.name == "after" else code[1]

    def _stop(self, code: Opcode) -> int:
        return code[4] if self.name == "after" else code[2]


def _unified(old: Sequence[str], new: Sequence[str], group: Sequence[Opcode], side: str, line: int) -> str:
    """Return a hunk in the format of ``diff -u``, cut to the lines around ``line``."""
    rows: list[tuple[str, int, int]] = []  # text, line before, line after
    for tag, old_start, old_stop, new_start, new_stop in group:
        if tag == "equal":
            rows += [(f" {old[i]}", i + 1, new_start + i - old_start + 1) for i in range(old_start, old_stop)]
        else:
            rows += [(f"-{old[i]}", i + 1, 0) for i in range(old_start, old_stop)]
            rows += [(f"+{new[i]}", 0, i + 1) for i in range(new_start, new_stop)]
    middle = next(number for number, row in enumerate(rows) if row[2 if side == "after" else 1] == line)
    shown = rows[max(0, middle - _AROUND) : middle + _AROUND + 1]
    spans = [[row[column] for row in shown if row[column]] for column in (1, 2)]
    starts = [f"{numbers[0]},{len(numbers)}" if numbers else "0,0" for numbers in spans]
    texts = [text if text.endswith("\n") else f"{text}\n" for text, _, _ in shown]
    return "".join([f"@@ -{starts[0]} +{starts[1]} @@\n", *texts])
