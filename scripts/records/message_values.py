"""Remove the values of one run from messages: tensors, arrays, and numbers that pytest shows of a failed assert. Pure.

Types, shapes, lengths, names and integers stay, for they are behaviour. Floats, the elements of tensors and arrays,
and what depends on them (which index differs first, how many items are alike) go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

GONE: Final = "…"

# --- tensors and arrays -----------------------------------------------------------------------------------------

_PARENTHESES: Final = re.compile(r"(?<![\w.:])(?:tensor|array)\(|[()]")
_KEYWORD: Final = re.compile(r"\b\w+=")
#: Characters of numbers, nan, inf, True and False; ``\n`` is how pytest writes a line break.
_ELEMENTS: Final = re.compile(r"[\d\s.,+\-\[\]…ejnaifTruFls]*")
_ELEMENT: Final = re.compile(r"\d|nan|inf|True|False")
#: Characters of the keywords after a tensor's elements that are kept; no real ones are longer.
_LONGEST_KEYWORDS: Final = 500


def without_tensors(text: str) -> str:
    """Replace the elements of every printed tensor and array: ``tensor(…, dtype=torch.float64)``.

    A single bool stays, for it says which way a condition went. So does a tensor without elements.
    """
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # the opening parenthesis, and where in `out` its content starts
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
            out[start:] = [_elements_gone("".join(out[start:]))]
        out.append(")")
    return "".join([*out, text[at:]])


def _elements_gone(body: str) -> str:
    """What stands between the parentheses of a tensor, without its elements; what is none is returned as it is."""
    line = " ".join(body.replace("\\n", " ").split())
    keyword = _KEYWORD.search(line)
    split = keyword.start() if keyword else len(line)
    elements, keywords = line[:split].strip(" ,"), line[split:]
    if elements in {"True", "False"} or not _ELEMENTS.fullmatch(elements):
        return body
    shown = GONE if _ELEMENT.search(elements) else elements
    if shown == elements and GONE not in line:
        return body
    return ", ".join(filter(None, [shown, keywords if len(keywords) <= _LONGEST_KEYWORDS else ""]))


# --- assertions -------------------------------------------------------------------------------------------------

#: The first line of an explanation, perhaps behind the exception's name.
_ASSERT: Final = re.compile(r"(?:[\w.]+: )?assert ")
#: An explanation of texts: numbers in them are their own, also in the lines of a diff.
_ASSERT_TEXT: Final = re.compile(r"(?:[\w.]+: )?assert ['\"]")
#: What `unittest` and `torch.testing` say of two numbers: ``0.42 != 0.5 within 7 places``.
_UNITTEST: Final = re.compile(r"[-+\d.e]+ (?:!=|==|not (?:less|greater) than) |Expected \S+ but got ")
_WHERE: Final = re.compile(r"\s+\+\s+(?:where|and)\s")
#: How long two sides are is behaviour, whatever they hold.
_LENGTH: Final = re.compile(r"\s+(?:Left|Right) contains ")
_HINT: Final = re.compile(r"\s*(?:Use -v+ to |Omitting \d+ identical |\.\.\.Full output truncated)")
_EXTRA: Final = re.compile(r"\s+Extra items in the (?:left|right) set:")
#: Behind the items of a set, where pytest is verbose or runs in CI: a diff of both sets, which pytest sorts itself.
_FULL_DIFF: Final = re.compile(r"\s+Full diff:")


def without_asserted_values(text: str) -> str:
    """Replace the values of one run in pytest's explanation of a failed assert, and in the message before it.

    Where a compared side holds such a value, it is shown as its type alone: pytest cuts it short, and where depends
    on the values. The lines that compare both sides in detail then tell more of the same, and go.
    """
    lines = text.split("\n")
    starts = [place for place, line in enumerate(lines) if _ASSERT.match(line)]
    if not starts:
        return "\n".join(without_values(line) if _UNITTEST.match(line) else line for line in lines)
    shown = [without_values(line) for line in lines[: starts[0]]]
    for start, stop in pairwise([*starts, len(lines)]):
        shown += _explained(lines[start], lines[start + 1 : stop])
    return "\n".join(shown)


def _explained(summary: str, following: list[str]) -> Iterator[str]:
    """An explanation: its first line, then the details that follow it indented, then where the values come from."""
    end = next((place for place, line in enumerate(following) if not _is_detail(line)), len(following))
    details = [line for line in following[:end] if line.strip() and not _HINT.match(line)]
    plain = {line: without_values(line) for line in details}
    details_hold_values = any(GONE in plain[line] for line in details if not _LENGTH.match(line))
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
    """Details with the items of a set sorted, whose order is not behaviour."""
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
#: Floats and complex numbers, and integers so long that they are an address, a hash or a time; no versions.
_NUMBER: Final = re.compile(rf"(?<!\w)(?<!\d\.)[-+]?(?:{_N}(?:[-+]{_N})?j|{_FLOAT}|\d{{12,}})(?!\w|\.\d)")
#: A number, or a part of one, at the place where a repr was cut.
_CUT_NUMBER: Final = re.compile(r"(?<!\w)[-+.\de]+|\.{3,}[-+.\de]*")
_TENSOR: Final = re.compile(r"\b(?:tensor|array)\($")
#: The type of a tensor's elements, also where its first letters were cut off.
_ELEMENT_TYPE: Final = re.compile(r"=(torch\.)?((?:b?float|complex|u?int|q\w*int)\d+|bool)\b")
_QUOTE: Final = re.compile(r"""\\.|['"]""")
_OPERATOR: Final = re.compile(r"( (?:[=!<>]=|[<>=]|is not|is|not in|in|and|or) )")
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_SIGN: Final = re.compile(r"([()\[\]{},:])")
#: Where a long repr was cut in its middle, not where a list says that it goes on.
_CUT: Final = re.compile(r"(?<![\s,\[({.])\.{3,}|(?<!\.)\.{3,}(?![\s,\])}.]|$)")
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
#: An element of which nothing but values is left.
_VALUES_ONLY: Final = re.compile(r"[\s….±:\[\](){}]+")
_DEEPEST: Final = 30


def without_values(line: str, *, coarse: bool = False) -> str:
    """A line of an explanation with ``…`` for its floats; neighbours of a list together, items of a set in order.

    Coarse, a side that holds values within brackets is shown as its type: ``Point(…)``.
    """
    text = "".join(
        part if quoted else _NUMBER.sub(GONE, _CUT_NUMBER.sub(_cut_gone, part)) for quoted, part in _pieces(line)
    )
    parts = _OPERATOR.split(text)
    return "".join(part if number % 2 else _operand(part, coarse=coarse) for number, part in enumerate(parts))


def _cut_gone(match: re.Match[str]) -> str:
    """A number that was cut, or what a cut left of one, with the cut."""
    return f"{GONE}..." if "..." in match[0] and any(map(str.isdigit, match[0])) else match[0]


def _holds_values(line: str) -> bool:
    return GONE in line or any(_NUMBER.search(part) for quoted, part in _pieces(line) if not quoted)


def _pieces(line: str) -> Iterator[tuple[bool, str]]:
    """The parts of a line within quotes and outside; a quote that nothing closes is none."""
    start = 0
    never_closed: set[str] = set()
    opened: re.Match[str] | None = None
    matches = list(_QUOTE.finditer(line))
    place = 0
    while place < len(matches):
        match = matches[place]
        place += 1
        if match[0] not in {"'", '"'} or match[0] in never_closed or _is_apostrophe(line, match.start()):
            continue
        opened, inside = match, place
        while place < len(matches) and matches[place][0] != opened[0]:
            place += 1
        if place == len(matches):
            never_closed.add(opened[0])
            place = inside
            continue
        yield False, line[start : opened.start()]
        yield True, line[opened.start() : matches[place].end()]
        start = matches[place].end()
        place += 1
    yield False, line[start:]


def _is_apostrophe(line: str, place: int) -> bool:
    before = line[place - 1 : place]
    return before.isalnum() and before not in {"b", "r", "u", "f"}


def _operand(text: str, *, coarse: bool) -> str:
    text = text.replace(f"{GONE} ± {GONE}", GONE)
    brackets = _BRACKET.findall(text)
    if not brackets:
        return text.replace(f"{GONE}...", GONE)
    if GONE not in text:
        return _grouped(text) if "{" in brackets and _balanced(brackets) else text
    if coarse or not _balanced(brackets) or _CUT.search(text):
        return _cut_short(text)
    return _grouped(text)


def _balanced(brackets: list[str]) -> bool:
    """Whether brackets match each other, in a depth that people write."""
    stack: list[str] = []
    for bracket in brackets:
        if bracket in _CLOSES:
            stack.append(_CLOSES[bracket])
        elif not stack or stack.pop() != bracket:
            return False
        if len(stack) > _DEEPEST:
            return False
    return not stack


def _cut_short(text: str) -> str:
    """A side as its type alone, and that of its elements where it is a tensor."""
    first = _BRACKET.search(text)
    last = max(text.rfind(closing) for closing in _CLOSES.values())
    if first is None or first[0] not in _CLOSES or GONE not in text[first.end() : last]:
        return text.replace(f"{GONE}...", GONE)
    content = text[first.end() : last]
    kind = _ELEMENT_TYPE.search(content) if _TENSOR.search(text, 0, first.end()) else None
    shown = f"{GONE}, dtype={kind[1] or ''}{kind[2]}" if kind else GONE
    return f"{text[: first.end()]}{shown}{_CLOSES[first[0]]}{text[last + 1 :]}"


class _Group:
    """Elements within brackets."""

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.current: list[str] = []  # parts of the element that isn't complete yet
        self._items: list[str] = []
        self._has_pairs = False

    def add(self, part: str) -> None:
        """Add what stands outside of any inner group."""
        if part == "," and self.opening:
            self._end_item()
        else:
            self._has_pairs = self._has_pairs or part == ":"
            self.current.append(part)

    def _end_item(self) -> None:
        self._items.append("".join(self.current).strip())
        self.current = []

    def closed(self) -> str:
        """The group as text."""
        self._end_item()
        if self.opening == "{" and not self._has_pairs:
            self._items = sorted(set(self._items))
        kept: list[str] = []
        for item in self._items:
            is_value = GONE in item and _VALUES_ONLY.fullmatch(item) is not None
            if not (kept and kept[-1] == GONE and (is_value or item in {"", "..."})):
                kept.append(GONE if is_value else item)
        return f"{self.opening}{', '.join(kept).removesuffix(' ')}{_CLOSES[self.opening]}"


def _grouped(text: str) -> str:
    """A text with balanced brackets, its groups in order: ``[…]`` for a list of nothing but values."""
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
