"""Convert exceptions and warnings to plain data. Texts are not normalised here."""

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

#: Longest text in characters: the dump of a graph can have megabytes.
LONGEST = 64 * 1024
#: Most frames of a traceback, the innermost ones: infinite recursion has a thousand.
DEEPEST = 50

# Symbolic links are not resolved: Python names a file by the path of its import.
_FOLDERS = {"recorder": Path(__file__).absolute().parent, "lib": Path(os.__file__).absolute().parent}
#: Files of frames outside the test itself.
_INTERNAL = ("_pytest/", "pluggy/", "recorder/")


def set_suite(folder: Path) -> None:
    """Set the folder of the suite, which paths of its files are relative to."""
    _FOLDERS["suite"] = folder


def raised(error: BaseException) -> dict[str, Any]:
    """Return the description of an exception with its traceback."""
    trace = _without_outer_internals(error.__traceback__)
    return {
        "exception": name_of(type(error)),
        "bases": [name_of(kind) for kind in type(error).__mro__[1:] if kind not in (BaseException, object)],
        "message": cut(_text(error)),
        "frames": frames(trace),
        "traceback": cut("".join(traceback.format_exception(type(error), error, trace))),
    }


def warned(caught: Sequence[warnings.WarningMessage]) -> list[dict[str, str]]:
    """Return warnings in order of their first occurrence, each text once."""
    texts = [(name_of(warning.category), cut(_text(warning.message))) for warning in caught]
    return [{"category": category, "message": message} for category, message in dict.fromkeys(texts)]


def cut(text: str) -> str:
    """Return a text of limited length. The end is kept as well: it often has the cause."""
    left_out = len(text) - LONGEST
    if left_out <= 0:
        return text
    return f"{text[: LONGEST // 2]}\n[… {left_out} characters cut …]\n{text[-LONGEST // 2 :]}"


def name_of(kind: type) -> str:
    """Return the qualified name of a class, in its public module if it has one.

    TracingCheckError is defined in torch.jit._trace and exported as torch.jit.TracingCheckError; the latter is
    what users catch, and stays when files are moved.
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


#: Their ``__module__`` is builtins, although they are not.
_PYTEST = {
    pytest.fail.Exception: "pytest.fail.Exception",
    pytest.skip.Exception: "pytest.skip.Exception",
    pytest.exit.Exception: "pytest.exit.Exception",
}


def frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    """Return the Python frames of a traceback, outermost first, without internal ones."""
    found = [
        {"file": portable_path(frame.f_code.co_filename), "line": line, "function": frame.f_code.co_name}
        for frame, line in traceback.walk_tb(trace)
    ]
    return [frame for frame in found if not str(frame["file"]).startswith(_INTERNAL)][-DEEPEST:]


def portable_path(path: str) -> str:
    """Return a path that is the same on every machine.

    Installed files are relative to site-packages, files of the suite begin with ``suite/`` and those of the standard
    library with ``lib/``; other files are reduced to their name.
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


def _without_outer_internals(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without its outer internal frames; unchanged if it has no others."""
    inner = trace
    while inner is not None and portable_path(inner.tb_frame.f_code.co_filename).startswith(_INTERNAL):
        inner = inner.tb_next
    return inner or trace


def _text(thing: object) -> str:
    """Return ``str(thing)``, or a placeholder if that raises."""
    try:
        return str(thing)
    except BaseException as error:  # noqa: BLE001 - an exception without a text is recorded as well
        return f"<str() raised {name_of(type(error))}>"
