"""Remove the values of one run from messages: tensors, arrays, and numbers in pytest's explanations of asserts. Pure.

Types, shapes, lengths, names and integers are behaviour and stay. Floats, the elements of tensors and arrays, and what
depends on them (the first differing index, the number of equal items) are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

REMOVED: Final = "…"

# --- tensors and arrays -----------------------------------------------------------------------------------------

_PARENTHESES: Final = re.compile(r"(?<![\w.:])(?:tensor|array)\(|[()]")
_KEYWORD: Final = re.compile(r"\b\w+=")
#: Characters of numbers, nan, inf, True and False; ``\n`` is how pytest writes a line break.
_ELEMENTS: Final = re.compile(r"[\d\s.,+\-\[\]…ejnaifTruFls]*")
_ELEMENT: Final = re.compile(r"\d|nan|inf|True|False")
#: Maximum length of the keywords after a tensor's elements; longer ones are removed.
_MAX_KEYWORDS: Final = 500


def without_tensors(text: str) -> str:
    """Replace the elements of every printed tensor and array: ``tensor(…, dtype=torch.float64)``.

    A single bool stays, since it is the result of a condition. So does a tensor without elements.
    """
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # the opening parenthesis, and the index in `out` of its content
    at = 0
    for match in _PARENTHESES.finditer(text):
        out.append(text[at : match.start()])
        at = match.end()
        if match[0] != ")":
            out.append(match[0])
            opened.append((match[0], len(out)))
            continue
        head, start = opened.pop() if opened else ("(", 0)
        if head != "(":
            out[start:] = [_without_elements("".join(out[start:]))]
        out.append(")")
    return "".join([*out, text[at:]])


def _without_elements(body: str) -> str:
    """Return the arguments of a printed tensor without its elements; anything else is returned unchanged."""
    line = " ".join(body.replace("\\n", " ").split())
    keyword = _KEYWORD.search(line)
    split = keyword.start() if keyword else len(line)
    elements, keywords = line[:split].strip(" ,"), line[split:]
    if elements in {"True", "False"} or not _ELEMENTS.fullmatch(elements):
        return body
    shown = REMOVED if _ELEMENT.search(elements) else elements
    if shown == elements and REMOVED not in line:
        return body
    return ", ".join(filter(None, [shown, keywords if len(keywords) <= _MAX_KEYWORDS else ""]))


# --- assertions -------------------------------------------------------------------------------------------------

#: The first line of an explanation, optionally after the exception's name.
_ASSERT: Final = re.compile(r"(?:[\w.]+: )?assert ")
#: An explanation that compares strings: numbers in them are part of the text, also in the lines of a diff.
_ASSERT_TEXT: Final = re.compile(r"(?:[\w.]+: )?assert ['\"]")
#: Comparisons of two numbers by `unittest` and `torch.testing`: ``0.42 != 0.5 within 7 places``.
_UNITTEST: Final = re.compile(r"[-+\d.e]+ (?:!=|==|not (?:less|greater) than) |Expected \S+ but got ")
_WHERE: Final = re.compile(r"\s+\+\s+(?:where|and)\s")
#: The lengths of two sides are behaviour, whatever their items are.
_LENGTH: Final = re.compile(r"\s+(?:Left|Right) contains ")
_HINT: Final = re.compile(r"\s*(?:Use -v+ to |Omitting \d+ identical |\.\.\.Full output truncated)")
_EXTRA: Final = re.compile(r"\s+Extra items in the (?:left|right) set:")
#: Follows the items of a set if pytest is verbose or runs in CI: a diff of both sets, sorted by pytest.
_FULL_DIFF: Final = re.compile(r"\s+Full diff:")


def without_asserted_values(text: str) -> str:
    """Replace the values of one run in pytest's explanation of a failed assert, and in the message before it.

    A compared side that contains such a value is reduced to its type, since pytest truncates it at a position that
    depends on the values. The lines that compare both sides in detail are then removed.
    """
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if _ASSERT.match(line)]
    if not starts:
        return "\n".join(without_values(line) if _UNITTEST.match(line) else line for line in lines)
    shown = [without_values(line) for line in lines[: starts[0]]]
    for start, stop in pairwise([*starts, len(lines)]):
        shown += _explained(lines[start], lines[start + 1 : stop])
    return "\n".join(shown)


def _explained(summary: str, following: list[str]) -> Iterator[str]:
    """Yield an explanation: its first line, the indented details, then the lines on the origin of the values."""
    end = next((number for number, line in enumerate(following) if not _is_detail(line)), len(following))
    details = [line for line in following[:end] if line.strip() and not _HINT.match(line)]
    plain = {line: without_values(line) for line in details}
    details_hold_values = any(REMOVED in plain[line] for line in details if not _LENGTH.match(line))
    if _holds_values(summary) or (details_hold_values and not _ASSERT_TEXT.match(summary)):
        yield without_values(summary, coarse=True)
        yield from (plain[line] for line in details if _LENGTH.match(line))
    else:
        yield without_values(summary) if "{" in summary else summary
        yield from _in_order(details)
    yield from map(without_values, following[end:])


def _is_detail(line: str) -> bool:
    return not line or (line[0].isspace() and not _WHERE.match(line))


def _in_order(details: Iterable[str]) -> Iterator[str]:
    """Yield the details with the items of sets sorted, since their order is not behaviour."""
    items: list[str] = []
    in_set = False
    for line in details:
        if in_set and not (_EXTRA.match(line) or _FULL_DIFF.match(line)):
            items.append(line)
            continue
        yield from [*sorted(items), line]
        items, in_set = [], bool(_EXTRA.match(line))
    yield from sorted(items)


# --- one line ---------------------------------------------------------------------------------------------------

_FLOAT: Final = r"(?:\d+\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+|nan|inf)"
_N: Final = rf"(?:{_FLOAT}|\d+)"
#: Floats, complex numbers, and integers long enough to be an address, a hash or a time; no versions.
_NUMBER: Final = re.compile(rf"(?<!\w)(?<!\d\.)[-+]?(?:{_N}(?:[-+]{_N})?j|{_FLOAT}|\d{{12,}})(?!\w|\.\d)")
#: A number, or part of one, where a repr was truncated.
_CUT_NUMBER: Final = re.compile(r"(?<!\w)[-+.\de]+|\.{3,}[-+.\de]*")
_TENSOR: Final = re.compile(r"\b(?:tensor|array)\($")
#: The type of a tensor's elements, also with its first letters cut off.
_ELEMENT_TYPE: Final = re.compile(r"=(torch\.)?((?:b?float|complex|u?int|q\w*int)\d+|bool)\b")
_QUOTE: Final = re.compile(r"""\\.|['"]""")
_OPERATOR: Final = re.compile(r"( (?:[=!<>]=|[<>=]|is not|is|not in|in|and|or) )")
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_SIGN: Final = re.compile(r"([()\[\]{},:])")
#: The middle of a truncated repr, as opposed to the ellipsis at the end of a list.
_CUT: Final = re.compile(r"(?<![\s,\[({.])\.{3,}|(?<!\.)\.{3,}(?![\s,\])}.]|$)")
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
#: An element that consists only of values.
_VALUES_ONLY: Final = re.compile(r"[\s….±:\[\](){}]+")
_MAX_DEPTH: Final = 30


def without_values(line: str, *, coarse: bool = False) -> str:
    """Return a line of an explanation with ``…`` for floats; in lists neighbouring ones are merged, sets are sorted.

    With ``coarse``, a side with values inside brackets is reduced to its type: ``Point(…)``.
    """
    text = "".join(
        part if quoted else _NUMBER.sub(REMOVED, _CUT_NUMBER.sub(_replace_cut, part)) for quoted, part in _pieces(line)
    )
    parts = _OPERATOR.split(text)
    return "".join(part if number % 2 else _operand(part, coarse=coarse) for number, part in enumerate(parts))


def _replace_cut(match: re.Match[str]) -> str:
    """Return the replacement of a truncated number, with the ellipsis of the truncation."""
    return f"{REMOVED}..." if "..." in match[0] and any(map(str.isdigit, match[0])) else match[0]


def _holds_values(line: str) -> bool:
    return REMOVED in line or any(_NUMBER.search(part) for quoted, part in _pieces(line) if not quoted)


def _pieces(line: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a line, each with True if it is quoted; an unclosed quote quotes nothing."""
    start = 0
    unclosed: set[str] = set()
    opened: re.Match[str] | None = None
    matches = list(_QUOTE.finditer(line))
    position = 0
    while position < len(matches):
        match = matches[position]
        position += 1
        if match[0] not in {"'", '"'} or match[0] in unclosed or _is_apostrophe(line, match.start()):
            continue
        opened, inside = match, position
        while position < len(matches) and matches[position][0] != opened[0]:
            position += 1
        if position == len(matches):
            unclosed.add(opened[0])
            position = inside
            continue
        yield False, line[start : opened.start()]
        yield True, line[opened.start() : matches[position].end()]
        start = matches[position].end()
        position += 1
    yield False, line[start:]


def _is_apostrophe(line: str, position: int) -> bool:
    before = line[position - 1 : position]
    return before.isalnum() and before not in {"b", "r", "u", "f"}


def _operand(text: str, *, coarse: bool) -> str:
    text = text.replace(f"{REMOVED} ± {REMOVED}", REMOVED)
    brackets = _BRACKET.findall(text)
    if not brackets:
        return text.replace(f"{REMOVED}...", REMOVED)
    if REMOVED not in text:
        return _grouped(text) if "{" in brackets and _balanced(brackets) else text
    if coarse or not _balanced(brackets) or _CUT.search(text):
        return _reduced_to_type(text)
    return _grouped(text)


def _balanced(brackets: list[str]) -> bool:
    """Return True if brackets match each other and are not nested unreasonably deep."""
    stack: list[str] = []
    for bracket in brackets:
        if bracket in _CLOSES:
            stack.append(_CLOSES[bracket])
        elif not stack or stack.pop() != bracket:
            return False
        if len(stack) > _MAX_DEPTH:
            return False
    return not stack


def _reduced_to_type(text: str) -> str:
    """Return a side reduced to its type; for a tensor with the type of its elements."""
    first = _BRACKET.search(text)
    last = max(text.rfind(closing) for closing in _CLOSES.values())
    if first is None or first[0] not in _CLOSES or REMOVED not in text[first.end() : last]:
        return text.replace(f"{REMOVED}...", REMOVED)
    content = text[first.end() : last]
    kind = _ELEMENT_TYPE.search(content) if _TENSOR.search(text, 0, first.end()) else None
    shown = f"{REMOVED}, dtype={kind[1] or ''}{kind[2]}" if kind else REMOVED
    return f"{text[: first.end()]}{shown}{_CLOSES[first[0]]}{text[last + 1 :]}"


class _Group:
    """The items inside a pair of brackets."""

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.current: list[str] = []  # parts of the item that is not complete yet
        self._items: list[str] = []
        self._has_pairs = False

    def add(self, part: str) -> None:
        """Add a part outside of inner groups."""
        if part == "," and self.opening:
            self._end_item()
        else:
            self._has_pairs = self._has_pairs or part == ":"
            self.current.append(part)

    def _end_item(self) -> None:
        self._items.append("".join(self.current).strip())
        self.current = []

    def closed(self) -> str:
        """Return the group as text."""
        self._end_item()
        if self.opening == "{" and not self._has_pairs:
            self._items = sorted(set(self._items))
        items: list[str] = []
        for item in self._items:
            is_value = REMOVED in item and _VALUES_ONLY.fullmatch(item) is not None
            if not (items and items[-1] == REMOVED and (is_value or item in {"", "..."})):
                items.append(REMOVED if is_value else item)
        return f"{self.opening}{', '.join(items).removesuffix(' ')}{_CLOSES[self.opening]}"


def _grouped(text: str) -> str:
    """Return a text with its groups normalised: ``[…]`` for a list of only values. Brackets must be balanced."""
    groups = [_Group("")]
    for quoted, piece in _pieces(text):
        for part in [piece] if quoted else _SIGN.split(piece):
            if part in _CLOSES:
                groups.append(_Group(part))
            elif part in _CLOSES.values() and len(groups) > 1:
                shown = groups.pop().closed()
                groups[-1].current.append(shown)
            else:
                groups[-1].add(part)
    return "".join(groups[0].current) if len(groups) == 1 else text
