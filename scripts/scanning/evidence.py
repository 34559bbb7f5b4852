"""Why behaviour changed between two wheels, as far as their Python files tell.

Of the files that tracebacks name, those that differ are compared, and the hunks shown that hold the message, the
line that raises or the function. Where none differs, the cause lies elsewhere: in compiled code, or in a file that
no traceback names; then the changed files of ``torch/jit`` and ``torch/nn`` are listed, by size and CRC alone.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal

from scripts.history.report import Hunk
from scripts.results.records import Raised, Torch
from scripts.scanning.scan import Text
from scripts.scanning.source_search import function_lines, literal_lines, name_lines
from scripts.sources import torchinfo
from scripts.sources.torchinfo import VERSION_FILE
from scripts.sources.wheelfiles import WheelFile
from scripts.sources.wheels import Member, Reader

#: What this project is about: looked at in any case, since TorchScript's errors and warnings come without a traceback.
ALWAYS: Final = ("torch/nn/utils/parametrize.py", "torch/jit/_trace.py", "torch/jit/_script.py")
#: Where else a cause may lie.
NEARBY: Final = ("torch/jit/", "torch/nn/")

_CONTEXT: Final = 3
#: Lines of a hunk around the one that tells most; a rewritten file is one hunk of hundreds.
_AROUND: Final = 8

Why = Literal["message", "category", "line", "function"]
_RANK: Final[Mapping[Why, int]] = {"message": 0, "category": 1, "line": 2, "function": 3}
#: Evidence that leaves no doubt: the message itself, or the category of the warning.
_TELLING: Final = frozenset[Why]({"message", "category"})
_MEANING: Final[Mapping[Why, str]] = {
    "category": "another category of the same warning",
    "line": "changed beside the line that raised",
    "function": "changed in the function that raised",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needles:
    """What was seen on one side of a change, and there alone."""

    messages: tuple[str, ...] = ()
    categories: frozenset[str] = frozenset()  # of warnings, without their module
    lines: frozenset[tuple[str, int]] = frozenset()  # file and line of the frame that raised
    functions: frozenset[str] = frozenset()  # the one that raised
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: Raised | None, other: Raised | None = None) -> Needles:
        """What an observation names: its message, its warnings, and the frames within torch.

        What the ``other`` side shows as well explains no change: of that, only the files count.
        """
        if seen is None:
            return cls()
        frames = [frame for frame in seen.frames if frame.file.startswith("torch/")]
        files = tuple(dict.fromkeys(frame.file for frame in reversed(frames)))
        warned = [warning for warning in seen.warnings if other is None or warning not in other.warnings]
        categories = frozenset(warning.category.rpartition(".")[2] for warning in warned)
        texts = [warning.message for warning in warned]
        if other is not None and (seen.exception, seen.message) == (other.exception, other.message):
            return cls(messages=tuple(texts), categories=categories, files=files)
        return cls(
            messages=tuple(text for text in [seen.message, *texts] if text),
            categories=categories,
            # Only the innermost frame: what its callers look like changes all the time.
            lines=frozenset((frame.file, frame.line) for frame in frames[-1:]),
            functions=frozenset(frame.function for frame in frames[-1:]),
            files=files,
        )


class RankedHunk(Hunk):
    """A hunk with the reason why it explains something; its line is one of the side ``side``."""

    why: Why
    side: Literal["before", "after"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What two wheels tell of a change between them."""

    before: Torch | None
    after: Torch | None
    compare: str | None  # GitHub's page of the commits between
    looked_at: tuple[str, ...]
    differing: tuple[str, ...]  # of these files, those that differ
    hunks: tuple[RankedHunk, ...]  # the most telling first
    elsewhere: tuple[str, ...]  # other changed files of torch/jit and torch/nn, where the hunks leave doubt
    note: str | None = None  # what else must be known, such as that another wheel stood in

    @property
    def summary(self) -> str:
        """The evidence as a sentence."""
        if self.hunks:
            first = self.hunks[0]
            doubt = f" ({_MEANING[first.why]})" if first.why in _MEANING else ""
            return f"{self._where(first)}: {first.text}{doubt}"
        number = len(self.elsewhere)
        other = f" or in {number} other changed file{'s' * (number != 1)} of torch/jit and torch/nn" if number else ""
        if self.differing:
            what = f"{', '.join(self.differing)} changed, but no changed line holds what was seen"
            return f"{what}: the cause may be there, in compiled code{other}"
        return f"none of {', '.join(self.looked_at)} differs: the cause lies elsewhere, in compiled code{other}"

    @property
    def shown(self) -> tuple[RankedHunk, ...]:
        """The hunks that people want to see: those that tell as much as the first."""
        return tuple(hunk for hunk in self.hunks if hunk.why == self.hunks[0].why)

    def _where(self, first: RankedHunk) -> str:
        """The lines of a file where the same stands as in its first hunk."""
        same = (first.file, first.side, first.text)
        lines = [str(hunk.line) for hunk in self.hunks if (hunk.file, hunk.side, hunk.text) == same]
        return f"{first.file}:{','.join(lines)}" + ("" if first.side == "after" else " (before)")


def evidence(
    reader: Reader, before: WheelFile, after: WheelFile, *, seen_before: Needles, seen_after: Needles
) -> Evidence:
    """Compare what was seen on both sides of a change with what changed in the wheels.

    Raises:
        WebError: a wheel can't be read.
    """
    files = tuple(dict.fromkeys([*seen_after.files, *seen_before.files, *ALWAYS]))
    tables = reader.contents(before), reader.contents(after)
    differing = tuple(file for file in files if tables[0].get(file) != tables[1].get(file))
    wanted = [*differing, VERSION_FILE]
    old, new = reader.read(before, wanted), reader.read(after, wanted)
    hunks = [
        hunk
        for file in differing
        for hunk in hunks_of(file, old[file] or b"", new[file] or b"", seen_before=seen_before, seen_after=seen_after)
    ]
    torches = [torchinfo.parse(side[VERSION_FILE] or b"") for side in (old, new)]
    return Evidence(
        before=torches[0],
        after=torches[1],
        compare=torchinfo.compare_link(*torches),
        looked_at=files,
        differing=differing,
        hunks=tuple(sorted(hunks, key=lambda hunk: (_RANK[hunk.why], hunk.side != "after"))),
        elsewhere=() if any(hunk.why in _TELLING for hunk in hunks) else _nearby(*tables, without=differing),
    )


def _nearby(before: Mapping[str, Member], after: Mapping[str, Member], *, without: Collection[str]) -> tuple[str, ...]:
    """Other Python files near the cause that came, went or differ, by size and CRC from the tables of contents."""
    names = sorted({*before, *after} - {*without})
    nearby = [name for name in names if name.startswith(NEARBY) and name.endswith(".py")]
    return tuple(name for name in nearby if before.get(name) != after.get(name))


def hunks_of(file: str, before: bytes, after: bytes, *, seen_before: Needles, seen_after: Needles) -> list[RankedHunk]:
    """The hunks of a file's diff that hold what was seen; pure.

    A change can take away what raised before as well as bring what raises after, so both sides are looked at,
    each with what was seen there.
    """
    old, new = Text.of(before).lines, Text.of(after).lines
    sides = (_Side.of("after", file, after, seen_after), _Side.of("before", file, before, seen_before))
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
    """The hunks of a diff."""
    matcher = difflib.SequenceMatcher(None, Text.of(before).lines, Text.of(after).lines)
    return [list(group) for group in matcher.get_grouped_opcodes(_CONTEXT)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Side:
    """One side of a diff, with the lines, from 1, on which stands what was seen there; the most telling first."""

    name: Literal["before", "after"]
    messages: Sequence[int]
    categories: Sequence[int]
    raising: Sequence[int]
    functions: Sequence[int]

    @classmethod
    def of(cls, name: Literal["before", "after"], file: str, content: bytes, seen: Needles) -> _Side:
        return cls(
            name=name,
            messages=literal_lines(content, seen.messages),
            categories=name_lines(content, seen.categories),
            raising=[line for path, line in seen.lines if path == file],
            functions=function_lines(content, seen.functions),
        )

    def match(self, group: Sequence[Opcode]) -> Iterator[tuple[Why, int]]:
        """Why a hunk tells something about this side, and at which line."""
        changed = self._changed(group)
        shown = range(self._start(group[0]) + 1, self._stop(group[-1]) + 1)
        # The name of a category says something only beside the warning's text, which needn't have changed.
        named = self.categories if any(line in shown for line in self.messages) else ()
        tests: list[tuple[Why, Sequence[int], Collection[int]]] = [
            ("message", self.messages, changed),
            ("category", named, changed),
            ("line", self.raising, shown),
            ("function", self.functions, changed),
        ]
        for why, wanted, lines in tests:
            if (hit := next((line for line in wanted if line in lines), None)) is not None:
                yield why, hit

    def _changed(self, group: Sequence[Opcode]) -> frozenset[int]:
        """The lines, from 1, that only this side has."""
        return frozenset(
            line + 1 for code in group if code[0] != "equal" for line in range(self._start(code), self._stop(code))
        )

    def _start(self, code: Opcode) -> int:
        return code[3] if self.name == "after" else code[1]

    def _stop(self, code: Opcode) -> int:
        return code[4] if self.name == "after" else code[2]


def _unified(old: Sequence[str], new: Sequence[str], group: Sequence[Opcode], side: str, line: int) -> str:
    """A hunk as ``diff -u`` writes it, cut to what is around ``line``."""
    rows: list[tuple[str, int, int]] = []  # text, line before, line after
    for tag, old_start, old_stop, new_start, new_stop in group:
        if tag == "equal":
            rows += [(f" {old[i]}", i + 1, new_start + i - old_start + 1) for i in range(old_start, old_stop)]
        else:
            rows += [(f"-{old[i]}", i + 1, 0) for i in range(old_start, old_stop)]
            rows += [(f"+{new[i]}", 0, i + 1) for i in range(new_start, new_stop)]
    middle = next(place for place, row in enumerate(rows) if row[2 if side == "after" else 1] == line)
    shown = rows[max(0, middle - _AROUND) : middle + _AROUND + 1]
    spans = [[row[column] for row in shown if row[column]] for column in (1, 2)]
    starts = [f"{numbers[0]},{len(numbers)}" if numbers else "0,0" for numbers in spans]
    texts = [text if text.endswith("\n") else f"{text}\n" for text, _, _ in shown]
    return "".join([f"@@ -{starts[0]} +{starts[1]} @@\n", *texts])
