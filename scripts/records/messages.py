"""Messages of exceptions: normalised, so that only behaviour is left, and read from a program's output. Pure.

Paths are shortened; line numbers, addresses, durations, source excerpts and values are removed. An error that
TorchScript's interpreter wraps is replaced by its cause.

Messages are untrusted, and a match of `re` cannot be interrupted: every rule must take time proportional to the text.
So no pattern may repeat something that can match in two ways, and no pattern may start to match wherever another one
starts.
"""

from __future__ import annotations

import bisect
import builtins
import re
from collections.abc import Callable
from typing import Any, Final

from scripts.records.message_values import without_asserted_values, without_tensors
from scripts.records.model import Frame

#: Characters of a message that are read: a little more than the recorder writes.
MAX_LENGTH: Final = 66_000
_ELISION: Final = "[…]"
#: Rounds until nothing changes any more. Real messages need two; one that needs more was crafted.
_ROUNDS: Final = 10


def normalise(text: str, *, root: str | None = None) -> str:
    """Return a message without the details of one machine or run. Normalising twice changes nothing more.

    Args:
        text: the raw message.
        root: a folder that may occur in it; unlike other paths it may contain spaces.
    """
    text = text.replace("\r\n", "\n")
    if root:
        text = text.replace(root, "/root")
    text = _truncated(text)
    for _ in range(_ROUNDS):  # a rule can produce text that another rule matches
        shorter = _apply_rules(text)
        if shorter == text:
            return text
        text = shorter
    return " ".join(_WORD.findall(text))  # no rule matches plain words


_WORD: Final = re.compile(r"[A-Za-z]+")


def _apply_rules(text: str) -> str:
    text = _cause(_ESCAPE.sub("", text))
    text = without_asserted_values(without_tensors(_without_excerpts(text)))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _truncated(_BLANK_LINES.sub("\n\n", _without_numbers(text)).strip())


#: Escape sequences of a terminal; also a lone escape, so that removing one cannot form another.
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~])?")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def _truncated(text: str) -> str:
    """Return a text of bounded length. Its end is kept too, since it often has the cause."""
    if len(text) <= MAX_LENGTH:
        return text
    half = (MAX_LENGTH - len(_ELISION) - 2) // 2
    return f"{text[:half]}\n{_ELISION}\n{text[-half:]}"


# --- TorchScript ------------------------------------------------------------------------------------------------

_WRAPPER: Final = "The following operation failed in the TorchScript interpreter."
_RAISED: Final = re.compile(r"(?!(?:else|try|finally|lambda)\b)[A-Za-z_][\w.]*:(?: |$)")
_PLAIN_ERROR: Final = re.compile(r"\A(?:builtins\.)?RuntimeError: ")


def _cause(text: str) -> str:
    """Return the cause that TorchScript's interpreter wraps, without the name of a plain RuntimeError."""
    if not text.lstrip().startswith(_WRAPPER):
        return text
    lines = text.lstrip().split("\n")
    # The cause follows the last frame, flush left: `RuntimeError: …`. Frames and excerpts are indented.
    raised = [number for number, line in enumerate(lines) if _RAISED.match(line)]
    at = 0
    while at + 1 < len(lines) and lines[at].strip() == _WRAPPER:  # causes can be nested
        following = bisect.bisect_right(raised, at)
        at = raised[following] if following < len(raised) else at + 1
        lines[at] = _PLAIN_ERROR.sub("", lines[at])
        while at + 1 < len(lines) and not lines[at].strip():
            at += 1
    return "\n".join(lines[at:])


_FRAME: Final = re.compile(r'\s*File "[^"\n]*", line \d+(?:, in .*)?:?')
_TRACEBACK: Final = re.compile(r"Traceback(?: of TorchScript)?(?:, (?:serialized|original) code)? \(most recent call.*")
#: The stack of Python calls that pybind11 appends to an exception which passes through C++.
_CALLERS: Final = "At:"
_CALLER: Final = re.compile(r"  \S.*\(\d+\): \S+")
#: Maximum lines of an excerpt before the line it points at.
_EXCERPT: Final = 40


def _without_excerpts(text: str) -> str:
    """Return a text without frames of tracebacks and the source that they quote."""
    lines, remaining, at = text.split("\n"), list[str](), 0
    while at < len(lines):
        if _TRACEBACK.fullmatch(lines[at].strip()):
            at += 1
        elif lines[at] == _CALLERS and at + 1 < len(lines) and _CALLER.fullmatch(lines[at + 1]):
            at += 1
            while at < len(lines) and _CALLER.fullmatch(lines[at]):
                at += 1
        elif _is_frame(lines[at]):
            at = _after_excerpt(lines, at + 1)
        else:
            remaining.append(lines[at])
            at += 1
    return "\n".join(remaining)


def _is_frame(line: str) -> bool:
    return _FRAME.fullmatch(line.rstrip()) is not None


def _is_pointer(line: str) -> bool:
    return line.lstrip().lstrip("~^").lstrip().startswith("<--- HERE")


def _after_excerpt(lines: list[str], start: int) -> int:
    """Return the line after the excerpt that begins at ``start``: it is indented, or ends with an arrow."""
    arrow = start
    while arrow < min(len(lines), start + _EXCERPT) and not _is_frame(lines[arrow]):
        if _is_pointer(lines[arrow]):
            start = arrow + 1
            break
        arrow += 1
    while start < len(lines) and (lines[start].startswith((" ", "\t"))) and not _is_frame(lines[start]):
        start += 1
    return start


# --- details of one machine or run ------------------------------------------------------------------------------


def _portable(path: str) -> str:
    """Return a path as it is on every machine: from site-packages on, or else the file's name alone."""
    path = path.replace("\\", "/")
    for packages in ("/site-packages/", "/dist-packages/"):
        if packages in path:
            return path.rsplit(packages, 1)[1]
    return path.rstrip("/").rsplit("/", 1)[-1]


def _path(match: re.Match[str]) -> str:
    return _portable(match["path"])


def _quoted_path(match: re.Match[str]) -> str:
    return _path(match) if "/" in match["path"][1:] else match["path"]


#: Absolute paths, but not within a URL, a fraction or a relative path.
_PATH: Final = re.compile(
    r"(?P<path>(?<![\w./:%~-])(?:/[\w.+@~%=,-]+){2,}/?|(?<![\w/])[A-Za-z]:[\\/](?:[\w.+@~%=, -]+[\\/])*[\w.+@~%=-]+)"
)
_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf)")
#: The first line of a printed tensor: ``(1,.,.) =``, ``Columns 1 to 8`` or a common factor.
_HEADING: Final = re.compile(r"\(\d+,\.,\.\) *=?|Columns .*")


def _without_numbers(text: str) -> str:
    """Return a text without lines of only numbers, as old releases print tensors. The last line always stays."""
    *lines, last = [line.rstrip() for line in text.split("\n")]
    return "\n".join([*(line for line in lines if not _is_numbers(line)), last])


def _is_numbers(line: str) -> bool:
    words = line.split()
    if len(words) > 1 and words[-1] == "*":
        words.pop()
        return len(words) == 1 and _NUMBER.fullmatch(words[0]) is not None
    return _HEADING.fullmatch(line) is not None or (bool(words) and all(map(_NUMBER.fullmatch, words)))


_RULES: Final[list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]]] = [
    # cuts made by the recorder
    (re.compile(r"\[… \d+ characters cut …\]"), _ELISION),
    # frames of C++: "frame #3: at::foo() + 0x2f (0x7f… in libtorch.so)"
    (re.compile(r"^frame #\d+: .*\n?", re.MULTILINE), ""),
    (re.compile(r" \(most recent call first\):"), ""),
    # paths: quoted ones may contain spaces
    (re.compile(r'(?<=")(?P<path>/[^"\n]*)(?=")'), _quoted_path),
    (re.compile(r"(?<=')(?P<path>/[^'\n]*)(?=')"), _quoted_path),
    (_PATH, _path),
    (re.compile(r"(?<![\w+./-])(?:[\w+.-]+/)+([\w+-]+\.(?:cpp|cc|cu|h|hpp|cuh))\b"), r"\1"),
    # lines: `x.py:12:3`, `"ir.cpp":511`, `x.py, line 12`, `line 12`
    (re.compile(r"(\.(?:pyi?|cpp|cc|cu|cuh|hp?p?)[\"']?):\d+(?::\d+)?"), r"\1"),
    (re.compile(r"(?:, )?\b(?:at )?line \d+\b"), ""),
    # addresses, and counters that depend on what ran before
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "0x…"),
    (re.compile(r"___torch_mangle_\d+\."), ""),
    (re.compile(r"(?<=_)\d{9,}(?=_)"), "…"),  # id() in a name that Dynamo makes: __cache__139692752199696___weight__
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


# --- tracebacks -------------------------------------------------------------------------------------------------

_START: Final = "Traceback (most recent call last):"
_PYTHON_FRAME: Final = re.compile(r'  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>\S+)')
_EXCEPTION: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?", re.DOTALL)
#: Lines of a message that are read; later output of the program cannot be distinguished from it.
_MAX_LINES: Final = 20


def last_raised(output: str) -> dict[str, Any]:
    """Return the exception that ended a program, from the last traceback in its output.

    Returns the fields ``exception``, ``message`` and ``frames`` of a record; none if there is no traceback.
    """
    lines = output.splitlines()
    start = max((number for number, line in enumerate(lines) if line.rstrip() == _START), default=None)
    if start is None:
        return {}
    following = lines[start + 1 :]
    end = next((number for number, line in enumerate(following) if line and not line[0].isspace()), None)
    raised = _EXCEPTION.fullmatch("\n".join(following[end : end + _MAX_LINES])) if end is not None else None
    if end is None or raised is None:
        return {}
    matches = [match for line in following[:end] if (match := _PYTHON_FRAME.fullmatch(line.rstrip()))]
    name = raised["name"]
    return {
        "exception": f"builtins.{name}" if isinstance(getattr(builtins, name, None), type) else name,
        "message": normalise(raised["message"] or ""),
        "frames": tuple(
            Frame(file=_portable(match["file"]), line=int(match["line"]), function=match["function"])
            for match in matches
        ),
    }
