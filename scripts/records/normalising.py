"""Normalise messages: remove what belongs to one machine or one run, keep what is behaviour. Pure.

Paths are shortened; line numbers, addresses, durations, excerpts of source and values go. An error that TorchScript's
interpreter wraps is told by its cause.

Messages are untrusted, and `re` can't be interrupted while it matches: every rule takes time in proportion to the
text, so no pattern may repeat what it can match in two ways, and none may begin to match at each place of what
another begins to match.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from typing import Final

from scripts.records.values import without_asserted_values, without_tensors

#: Characters of a message that are looked at: a little more than the recorder lets through.
LONGEST: Final = 66_000
_LEFT_OUT: Final = "[…]"
#: Rounds until nothing changes any more. Two will do for messages; what needs more was made to need more.
_ROUNDS: Final = 10


def normalise(text: str, *, root: str | None = None) -> str:
    """A text without what is particular to one machine. Doing it twice changes nothing more.

    Args:
        text: a message, raw.
        root: a folder that may stand in it and have spaces in its name, as no other path may.
    """
    text = text.replace("\r\n", "\n")
    if root:
        text = text.replace(root, "/root")
    text = _shortened(text)
    for _ in range(_ROUNDS):  # what one rule leaves can be what another looks for
        again = _once(text)
        if again == text:
            return text
        text = again
    return " ".join(_WORD.findall(text))  # no rule looks for words alone


_WORD: Final = re.compile(r"[A-Za-z]+")


def _once(text: str) -> str:
    text = _cause(_ESCAPE.sub("", text))
    text = without_asserted_values(without_tensors(_without_excerpts(text)))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _shortened(_BLANK_LINES.sub("\n\n", _without_numbers(text)).strip())


#: Escape sequences of a terminal; also a lone escape, so that nothing that is left can make a new sequence.
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~])?")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def _shortened(text: str) -> str:
    """A text of bounded length. The end stays, too: it often has the cause."""
    if len(text) <= LONGEST:
        return text
    half = (LONGEST - len(_LEFT_OUT) - 2) // 2
    return f"{text[:half]}\n{_LEFT_OUT}\n{text[-half:]}"


# --- what TorchScript adds --------------------------------------------------------------------------------------

_WRAPPER: Final = "The following operation failed in the TorchScript interpreter."
_RAISED: Final = re.compile(r"(?!(?:else|try|finally|lambda)\b)[A-Za-z_][\w.]*:(?: |$)")
_PLAIN_ERROR: Final = re.compile(r"\A(?:builtins\.)?RuntimeError: ")


def _cause(text: str) -> str:
    """What TorchScript's interpreter wraps; its plain RuntimeError is named by the exception already."""
    if not text.lstrip().startswith(_WRAPPER):
        return text
    lines = text.lstrip().split("\n")
    # The cause follows the last frame, flush left: `RuntimeError: …`. Frames and excerpts are indented.
    raised = [place for place, line in enumerate(lines) if _RAISED.match(line)]
    at = 0
    while at + 1 < len(lines) and lines[at].strip() == _WRAPPER:  # a cause can be a wrapped error itself
        following = bisect.bisect_right(raised, at)
        at = raised[following] if following < len(raised) else at + 1
        lines[at] = _PLAIN_ERROR.sub("", lines[at])
        while at + 1 < len(lines) and not lines[at].strip():
            at += 1
    return "\n".join(lines[at:])


_FRAME: Final = re.compile(r'\s*File "[^"\n]*", line \d+(?:, in .*)?:?')
_TRACEBACK: Final = re.compile(r"Traceback(?: of TorchScript)?(?:, (?:serialized|original) code)? \(most recent call.*")
#: Lines of source that an excerpt has at most before the place it points at.
_EXCERPT: Final = 40


def _without_excerpts(text: str) -> str:
    """A text without frames of tracebacks and the source that they quote."""
    lines, kept, at = text.split("\n"), list[str](), 0
    while at < len(lines):
        if _TRACEBACK.fullmatch(lines[at].strip()):
            at += 1
        elif _is_frame(lines[at]):
            at = _after_excerpt(lines, at + 1)
        else:
            kept.append(lines[at])
            at += 1
    return "\n".join(kept)


def _is_frame(line: str) -> bool:
    return _FRAME.fullmatch(line.rstrip()) is not None


def _points_here(line: str) -> bool:
    return line.lstrip().lstrip("~^").lstrip().startswith("<--- HERE")


def _after_excerpt(lines: list[str], start: int) -> int:
    """Where a text goes on after the excerpt that begins at ``start``: it is indented, or ends in an arrow."""
    arrow = start
    while arrow < min(len(lines), start + _EXCERPT) and not _is_frame(lines[arrow]):
        if _points_here(lines[arrow]):
            start = arrow + 1
            break
        arrow += 1
    while start < len(lines) and (lines[start].startswith((" ", "\t"))) and not _is_frame(lines[start]):
        start += 1
    return start


# --- what belongs to one machine or one run ---------------------------------------------------------------------


def _name(match: re.Match[str]) -> str:
    """A path as everybody has it: from site-packages on, or else the file's name alone."""
    path = match["path"].replace("\\", "/")
    for packages in ("/site-packages/", "/dist-packages/"):
        if packages in path:
            return path.rsplit(packages, 1)[1]
    return path.rstrip("/").rsplit("/", 1)[-1]


def _quoted_name(match: re.Match[str]) -> str:
    return _name(match) if "/" in match["path"][1:] else match["path"]


#: Absolute paths, not the middle of a URL, a fraction or a relative one.
_PATH: Final = re.compile(
    r"(?P<path>(?<![\w./:%~-])(?:/[\w.+@~%=,-]+){2,}/?|(?<![\w/])[A-Za-z]:[\\/](?:[\w.+@~%=, -]+[\\/])*[\w.+@~%=-]+)"
)
_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf)")
#: The first line of a printed tensor: ``(1,.,.) =``, ``Columns 1 to 8`` or a common factor.
_HEADING: Final = re.compile(r"\(\d+,\.,\.\) *=?|Columns .*")


def _without_numbers(text: str) -> str:
    """A text without lines of nothing but numbers, as old releases print tensors. The last line always stays."""
    *lines, last = [line.rstrip() for line in text.split("\n")]
    return "\n".join([*(line for line in lines if not _is_numbers(line)), last])


def _is_numbers(line: str) -> bool:
    words = line.split()
    if len(words) > 1 and words[-1] == "*":
        words.pop()
        return len(words) == 1 and _NUMBER.fullmatch(words[0]) is not None
    return _HEADING.fullmatch(line) is not None or (bool(words) and all(map(_NUMBER.fullmatch, words)))


_RULES: Final[list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]] = [
    # what the recorder cut
    (re.compile(r"\[… \d+ characters cut …\]"), _LEFT_OUT),
    # frames of C++: "frame #3: at::foo() + 0x2f (0x7f… in libtorch.so)"
    (re.compile(r"^frame #\d+: .*\n?", re.MULTILINE), ""),
    (re.compile(r" \(most recent call first\):"), ""),
    # paths: quoted ones may have spaces
    (re.compile(r'(?<=")(?P<path>/[^"\n]*)(?=")'), _quoted_name),
    (re.compile(r"(?<=')(?P<path>/[^'\n]*)(?=')"), _quoted_name),
    (_PATH, _name),
    (re.compile(r"(?<![\w+./-])(?:[\w+.-]+/)+([\w+-]+\.(?:cpp|cc|cu|h|hpp|cuh))\b"), r"\1"),
    # lines: `x.py:12:3`, `"ir.cpp":511`, `x.py, line 12`, `line 12`
    (re.compile(r"(\.(?:pyi?|cpp|cc|cu|cuh|hp?p?)[\"']?):\d+(?::\d+)?"), r"\1"),
    (re.compile(r"(?:, )?\b(?:at )?line \d+\b"), ""),
    # addresses, and counters that tell what ran before
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "0x…"),
    (re.compile(r"___torch_mangle_\d+\."), ""),
    (re.compile(r"\bpid[ =:]+\d+"), "pid …"),
    # durations
    (re.compile(r"\b\d+(?:\.\d+)? ?(s|ms|us|µs|ns|sec|secs|seconds?|milliseconds?|minutes?)\b"), r"… \1"),
    # comparisons of tensors and arrays
    (re.compile(r"(Mismatched elements: )\d+ / (\d+) \([\d.]+%\)"), r"\1… / \2"),
    (re.compile(r"(Greatest (?:absolute|relative) difference: )\S+ at index \([\d, ]*\)"), r"\1…"),
    (re.compile(r"((?:Absolute|Relative) difference: )[\d.e+-]+"), r"\1…"),
    (re.compile(r"^(Max (?:absolute|relative) difference(?: among violations)?: ).*", re.MULTILINE), r"\1…"),
    (re.compile(r"^( (?:x|y|ACTUAL|DESIRED): )[-+\d.einfa]+$", re.MULTILINE), r"\1…"),
    (re.compile(r"(found )\d+( element\(s\) \(out of \d+\))"), r"\1…\2"),
    (re.compile(r"(The greatest difference was )\S+ \(\S+ vs\. \S+\), which occurred at index [\d(), ]+"), r"\1…"),
]
