"""Read the traceback that Python printed last in a program's output. Pure."""

from __future__ import annotations

import builtins
import re
from typing import Any, Final

from scripts.records.model import Frame
from scripts.records.normalising import normalise

#: The observation that a command makes which is run instead of a suite.
COMMAND: Final = "command"

_START: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r'  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>\S+)')
_RAISED: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?", re.DOTALL)
#: Lines of a message that are kept; what the program printed afterwards can't be told from it.
_LONGEST: Final = 20


def last_raised(output: str) -> dict[str, Any]:
    """Return the exception that ended a program: the fields ``exception``, ``message`` and ``frames`` of a record.

    Nothing is returned where the output has no traceback.
    """
    lines = output.splitlines()
    start = max((place for place, line in enumerate(lines) if line.rstrip() == _START), default=None)
    if start is None:
        return {}
    following = lines[start + 1 :]
    end = next((place for place, line in enumerate(following) if line and not line[0].isspace()), None)
    raised = _RAISED.fullmatch("\n".join(following[end : end + _LONGEST])) if end is not None else None
    if end is None or raised is None:
        return {}
    frames = [_frame(match) for line in following[:end] if (match := _FRAME.fullmatch(line.rstrip()))]
    name = raised["name"]
    return {
        "exception": f"builtins.{name}" if isinstance(getattr(builtins, name, None), type) else name,
        "message": normalise(raised["message"] or ""),
        "frames": tuple(frames),
    }


def _frame(match: re.Match[str]) -> Frame:
    """Return a frame with its file as records name files: from site-packages on, else the name alone."""
    path = match["file"].replace("\\", "/")
    for packages in ("/site-packages/", "/dist-packages/"):
        if packages in path:
            path = path.rsplit(packages, 1)[1]
            break
    else:
        path = path.rsplit("/", 1)[-1]
    return Frame(file=path, line=int(match["line"]), function=match["function"])
