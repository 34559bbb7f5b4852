"""Why behaviour changed between two wheels, as far as their Python files tell.

Of the files that tracebacks name, those that differ are compared, and the hunks shown that hold the message, the
line that raises or the function. Where none differs, the cause lies elsewhere: in compiled code, or in a file that
no traceback names; then the changed files of ``torch/jit`` and ``torch/nn`` are listed, by size and CRC alone.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

from scripts import torchinfo
from scripts.records import Raised, Torch
from scripts.scan import Text
from scripts.torchinfo import VERSION_FILE
from scripts.wheelfiles import WheelFile
from scripts.wheels import Member, Reader

#: What this project is about: looked at in any case, since TorchScript's errors come without a Python traceback.
ALWAYS: Final = ("torch/nn/utils/parametrize.py",)
#: Where else a cause may lie.
NEARBY: Final = ("torch/jit/", "torch/nn/")

#: What a text in the source needs to be taken for a message's origin: this share of it, or this many characters.
_SHARE: Final = 0.4
_LONG: Final = 32
#: Where a text of the source is filled in at run time: ``{}`` of `str.format`, ``%s``.
_FILLED: Final = re.compile(r"\{[^{}]*\}|%[srdi]")

_CONTEXT: Final = 3
#: Lines of a hunk around the one that tells most; a rewritten file is one hunk of hundreds.
_AROUND: Final = 8

Why = Literal["message", "line", "function"]
_RANK: Final[Mapping[Why, int]] = {"message": 0, "line": 1, "function": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Needles:
    """What was seen on one side of a change."""

    messages: tuple[str, ...] = ()
    lines: frozenset[tuple[str, int]] = frozenset()  # file and line of the frames that raised
    functions: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, observation: Raised | None) -> Needles:
        """What an observation names: its message, its warnings, and the frames within torch."""
        if observation is None:
            return cls()
        frames = [frame for frame in observation.frames if frame.file.startswith("torch/")]
        said = [observation.message, *(warning.message for warning in observation.warnings)]
        return cls(
            messages=tuple(text for text in said if text),
            lines=frozenset((frame.file, frame.line) for frame in frames),
            functions=frozenset(frame.function for frame in frames),
            files=tuple(dict.fromkeys(frame.file for frame in reversed(frames))),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hunk:
    """One piece of a diff. ``line`` and ``text`` are the line that explains most, on the side ``side``."""

    file: str
    why: Why
    side: Literal["before", "after"]
    line: int
    text: str
    diff: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What two wheels tell of a change between them."""

    before: Torch | None
    after: Torch | None
    compare: str | None  # GitHub's page of the commits between
    looked_at: tuple[str, ...]
    differing: tuple[str, ...]  # of these files, those that differ
    hunks: tuple[Hunk, ...]  # the most telling first
    elsewhere: tuple[str, ...]  # changed files of torch/jit and torch/nn, where none of these files differs

    @property
    def summary(self) -> str:
        """The evidence as a sentence."""
        if self.hunks and self.hunks[0].why == "message":
            first = self.hunks[0]
            where = f"{first.file}:{first.line}" + ("" if first.side == "after" else " (before)")
            return f"{where}: {first.text}"
        if self.differing:
            return f"changed in {', '.join(self.differing)}; no changed line holds the message"
        if self.elsewhere:
            return (
                f"none of {len(self.looked_at)} files looked at differs: the cause lies elsewhere, in compiled code or "
                f"one of {len(self.elsewhere)} changed files of torch/jit and torch/nn"
            )
        return "no Python file of torch/jit and torch/nn differs: the cause lies elsewhere, perhaps in compiled code"


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
        hunks=tuple(sorted(hunks, key=lambda hunk: _RANK[hunk.why])),
        elsewhere=() if differing else changed_nearby(*tables),
    )


def changed_nearby(before: Mapping[str, Member], after: Mapping[str, Member]) -> tuple[str, ...]:
    """Python files near the cause that came, went or differ, by size and CRC from the tables of contents."""
    names = sorted({*before, *after})
    nearby = [name for name in names if name.startswith(NEARBY) and name.endswith(".py")]
    return tuple(name for name in nearby if before.get(name) != after.get(name))


def hunks_of(file: str, before: bytes, after: bytes, *, seen_before: Needles, seen_after: Needles) -> list[Hunk]:
    """The hunks of a file's diff that hold what was seen; pure.

    A change can take away what raised before as well as bring what raises after, so both sides are looked at,
    each with what was seen there.
    """
    old, new = Text.of(before), Text.of(after)
    sides: tuple[_Side, ...] = (
        _Side(name="after", file=file, text=new, seen=seen_after),
        _Side(name="before", file=file, text=old, seen=seen_before),
    )
    matcher = difflib.SequenceMatcher(None, old.lines, new.lines, autojunk=False)
    found = []
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        best = min((m for side in sides if (m := side.match(group))), key=lambda m: _RANK[m[0]], default=None)
        if best is not None:
            why, side, line = best
            text = side.text.lines[line - 1].strip()
            diff = _unified(old.lines, new.lines, group, side.name, line)
            found.append(Hunk(file=file, why=why, side=side.name, line=line, text=text, diff=diff))
    return found


Opcode = tuple[str, int, int, int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Side:
    """One side of a diff, with what was seen there."""

    name: Literal["before", "after"]
    file: str
    text: Text
    seen: Needles

    def match(self, group: Sequence[Opcode]) -> tuple[Why, _Side, int] | None:
        """Why a hunk tells something about this side, and at which line."""
        changed = self._changed(group)
        shown = range(self._start(group[0]) + 1, self._stop(group[-1]) + 1)
        tests: list[tuple[Why, Iterable[int], Collection[int]]] = [
            ("message", literal_lines(self.text.content, self.seen.messages), changed),
            ("line", sorted(line for file, line in self.seen.lines if file == self.file), shown),
            ("function", sorted(_function_lines(self.text.content, self.seen.functions)), changed),
        ]
        for why, wanted, lines in tests:
            if (hit := next((line for line in wanted if line in lines), None)) is not None:
                return why, self, hit
        return None

    def _changed(self, group: Sequence[Opcode]) -> list[int]:
        """The lines, from 1, that only this side has."""
        return [line + 1 for code in group if code[0] != "equal" for line in range(self._start(code), self._stop(code))]

    def _start(self, code: Opcode) -> int:
        return code[3] if self.name == "after" else code[1]

    def _stop(self, code: Opcode) -> int:
        return code[4] if self.name == "after" else code[2]


def literal_lines(source: bytes, messages: Sequence[str]) -> list[int]:
    """The lines on which texts stand that a message is made of, the most telling first.

    A message of the source can be split over lines, and filled in at run time: then all its pieces must be in
    what was seen. Docstrings don't count: they speak of messages and raise none.
    """
    said = [" ".join(message.split()) for message in messages]
    found: dict[int, float] = {}
    for node, text in _strings(source):
        weight = max((_weight(text, message) for message in said), default=0)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if weight else ():
            found[line] = max(weight, found.get(line, 0))
    return sorted(found, key=lambda line: (-found[line], line))


def _weight(text: str, message: str) -> float:
    """The characters of a message that a text of the source explains; 0 where that is too little to tell."""
    pieces = [piece for raw in _FILLED.split(text) if (piece := " ".join(raw.split()))]
    length = sum(map(len, pieces))
    if not pieces or not all(piece in message for piece in pieces):
        return 0
    return length if length >= _LONG or length >= _SHARE * len(message) else 0


def _strings(source: bytes) -> list[tuple[ast.expr, str]]:
    """Every text of a file but docstrings; of an f-string the whole, with ``{}`` where it is filled in."""
    tree = _tree(source)
    inner = {
        id(child) for node in ast.walk(tree) if isinstance(node, ast.Expr | ast.JoinedStr) for child in _parts(node)
    }
    found: list[tuple[ast.expr, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            found.append((node, node.value))
        elif isinstance(node, ast.JoinedStr):
            found.append((node, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)))
    return found


def _parts(node: ast.Expr | ast.JoinedStr) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else [node.value]


def _function_lines(source: bytes, functions: frozenset[str]) -> set[int]:
    """The lines of all functions of these names."""
    return {
        line
        for node in ast.walk(_tree(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in functions
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def _tree(source: bytes) -> ast.Module:
    """The syntax of a file; of one that this Python can't read, nothing."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


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
