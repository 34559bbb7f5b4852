"""Exceptions and warnings as plain data. The texts stay raw: making them comparable is not done here."""

from __future__ import annotations

import itertools
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Sequence

import pytest

#: Characters of one text. The dump of a graph can be megabytes.
LONGEST = 64 * 1024
#: Frames of one traceback, the innermost ones. Endless recursion has a thousand.
DEEPEST = 50

# Not resolved: Python names a file by the path it was imported from, symbolic links and all.
_FOLDERS = {"probes": Path(__file__).absolute().parent.parent, "lib": Path(os.__file__).absolute().parent}
#: Those between a probe and whoever watches it: no news for anybody.
_MACHINERY = ("_pytest/", "pluggy/", "probes/recorder/")


def raised(error: BaseException) -> dict[str, Any]:
    """What an exception says of itself, and where it came from."""
    trace = _from_the_probe(error.__traceback__)
    return {
        "exception": name_of(type(error)),
        "bases": [name_of(kind) for kind in type(error).__mro__[1:] if kind not in (BaseException, object)],
        "message": cut(_text(error)),
        "frames": frames(trace),
        "traceback": cut("".join(traceback.format_exception(type(error), error, trace))),
    }


def warned(caught: Sequence[warnings.WarningMessage]) -> list[dict[str, str]]:
    """Warnings in the order in which they first came, each text once."""
    texts = [(name_of(one.category), cut(_text(one.message))) for one in caught]
    return [{"category": category, "message": message} for category, message in dict.fromkeys(texts)]


def cut(text: str) -> str:
    """A text of bounded length. The end stays, too: it often has the cause."""
    left_out = len(text) - LONGEST
    if left_out <= 0:
        return text
    return f"{text[: LONGEST // 2]}\n[… {left_out} characters cut …]\n{text[-LONGEST // 2 :]}"


def name_of(kind: type) -> str:
    """The qualified name of a class, by its public place where it has one.

    TracingCheckError is defined in torch.jit._trace and offered as torch.jit.TracingCheckError; the latter is
    what one writes in an `except`, and what stays when files are moved.
    """
    public = _PYTEST.get(kind)
    if public:
        return public
    jit = sys.modules.get("torch.jit")
    if jit is not None and kind is getattr(jit, "Error", None):
        return "torch.jit.Error"  # torch._C.JITException
    module = ".".join(itertools.takewhile(lambda part: not part.startswith("_"), str(kind.__module__).split(".")))
    if getattr(sys.modules.get(module), kind.__name__, None) is kind:
        return f"{module}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


#: They say that they are builtins, which they aren't.
_PYTEST = {
    pytest.fail.Exception: "pytest.fail.Exception",
    pytest.skip.Exception: "pytest.skip.Exception",
    pytest.exit.Exception: "pytest.exit.Exception",
}


def frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    """The Python frames of a traceback, outermost first, without the machinery's."""
    found = [
        {"file": place(frame.f_code.co_filename), "line": line, "function": frame.f_code.co_name}
        for frame, line in traceback.walk_tb(trace)
    ]
    return [frame for frame in found if not str(frame["file"]).startswith(_MACHINERY)][-DEEPEST:]


def place(path: str) -> str:
    """A file by where it belongs: the same on every machine.

    What is installed is named from site-packages on, the probes' files begin with ``probes/`` and the standard
    library's with ``lib/``; of any other file only the name is told.
    """
    path = path.replace("\\", "/")
    for packages in ("/site-packages/", "/dist-packages/"):
        if packages in path:
            return path.rsplit(packages, 1)[1]
    for name, folder in _FOLDERS.items():
        start = folder.as_posix() + "/"
        if path.startswith(start):
            return f"{name}/{path[len(start) :]}"
    return path.rsplit("/", 1)[-1]


def _from_the_probe(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the machinery that it begins with; all of it where there is nothing else."""
    inner = trace
    while inner is not None and place(inner.tb_frame.f_code.co_filename).startswith(_MACHINERY):
        inner = inner.tb_next
    return inner or trace


def _text(thing: object) -> str:
    """``str(thing)``, whatever that does."""
    try:
        return str(thing)
    except BaseException as error:  # noqa: BLE001 - an exception that can't be shown was raised all the same
        return f"<str() raised {name_of(type(error))}>"
