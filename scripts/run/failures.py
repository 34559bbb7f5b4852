"""Classify failures by stage and kind, from the output of uv and from exceptions.."""

from __future__ import annotations

import errno
import re
from typing import Final

from scripts.core.escaping import encodable
from scripts.index.errors import through
from scripts.records.model import EXCLUDED, Reason, Stage, Status

#: Kinds of failure of an unavailable cell: they prove nothing about torch.
UNAVAILABLE: Final = frozenset(
    {
        "no interpreter",
        "no wheel",
        "no such release",
        "no such requirement",
        "index unreachable",
        "index error",
        "access denied",
        "redirect loop",
        "not an index page",
        "empty index page",
        "yanked",
        "build failed",
        "source unreachable",
        "download broken off",
        "disk full",
        "over the disk budget",
        EXCLUDED,
    }
)


class CellError(Exception):
    """A cell could not be tested: the stage, the kind of failure, and a message."""

    def __init__(self, stage: Stage, kind: str, message: str) -> None:
        super().__init__(message)
        self.reason = Reason(stage=stage, kind=kind, message=message)

    @property
    def status(self) -> Status:
        """Status of the record of this failure."""
        if self.reason.kind == "timed out":
            return "timed-out"
        if self.reason.kind.startswith("crashed"):
            return "crashed"
        return "unavailable" if self.reason.kind in UNAVAILABLE else "error"


#: Characters of a message: uv can list every version that does not match.
_LONGEST: Final = 600
#: Lines of output in the message of a failed build.
_LAST_LINES: Final = 3
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_ADVICE: Final = re.compile(r"\n[ \t]*hint:")

_CONNECTION: Final = r"failed to fetch|error sending request|could not connect|dns error|connection|timed? ?out|tcp"

_URL: Final = re.compile(r"https?://[^\s`'\"<>()]+")

#: The first matching pattern decides; the more specific ones come first.
_RESOLVING = (
    (r"no space left on device|disk full", "disk full"),
    (
        r"torch\S{0,99} has no wheels? with a matching|no wheels? are available for|only found wheels? for `torch`",
        "no wheel",
    ),
    (r"does not satisfy Python|requires-python|requires Python", "no wheel"),
    # Also if uv found no index page of torch, or an invalid one: `scripts.run.resolution` finds the true reason.
    (r"there (?:is|are) no versions? of torch\b|no torch\S{0,99} matching|\btorch was not found in", "no such release"),
    (r"there (?:is|are) no versions? of|was not found in", "no such requirement"),
    (r"has no wheels? with a matching|no usable wheels", "no wheel"),
    (r"No solution found", "conflict among pins"),
    (_CONNECTION, "index unreachable"),
    (r"No interpreter found|Python interpreter", "no interpreter"),
)
_INSTALLING = (
    (r"no space left on device|disk full|os error 28", "disk full"),
    (r"hash mismatch|hashes? (?:do not|does not) match|hash-checking", "hash mismatch"),
    (r"failed to extract|invalid zip|unexpected end|not a valid zip|corrupt|RECORD|invalid wheel", "broken wheel"),
    (r"failed to (?:download|fetch)|error decoding response|connection|timed? ?out|request", "download broken off"),
    (r"No solution found|not found in", "no wheel"),
)


def of_resolving(output: str) -> CellError:
    """Return the failure of ``uv pip compile``."""
    if "The build backend returned an error" in output:
        return of_building(output)
    return _classified("resolve", _RESOLVING, "resolving failed", output)


def of_installing(output: str) -> CellError:
    """Return the failure of ``uv venv`` or ``uv pip install``; a broken download has the stage ``download``."""
    error = _classified("install", _INSTALLING, "installing failed", output)
    if error.reason.kind in {"download broken off", "broken wheel", "hash mismatch"}:
        url = _URL.search(_COLOUR.sub("", output)) if error.reason.kind == "download broken off" else None
        return CellError("download", error.reason.kind, error.reason.message + (through(url[0]) if url else ""))
    return error


def of_building(output: str) -> CellError:
    """Return the failure of a build: the last lines of its output, or the reason why it could not start."""
    text = _ADVICE.split(_COLOUR.sub("", output))[0]
    log, _, cause = text.partition("error: Failed to build")
    log = cause.rpartition("[stderr]")[2] if "[stderr]" in cause else log
    lines = [" ".join(line.split()) for line in log.splitlines()]
    last = [line for line in lines if line and not line.startswith(("Building ", "^"))][-_LAST_LINES:]
    if last:
        return CellError("build", "build failed", _shortened(" | ".join(last)))
    kind = "index unreachable" if re.search(_CONNECTION, cause, re.IGNORECASE) else "build failed"
    return CellError("build", kind, _essence(output))


def without_wheel(output: str) -> set[str]:
    """Return the packages without a wheel, which uv was not allowed to build."""
    return set(
        re.findall(r"Wheels are required for `([\w.-]+)` because building from source", " ".join(output.split()))
    )


def missing_project(output: str) -> str | None:
    """Return the name of the project that uv found no version of."""
    text = " ".join(output.split())
    found = re.search(r"there (?:is|are) no versions? of ([\w.-]*\w)|(?<![\w.-])([\w.-]+) was not found in", text)
    return found[1] or found[2] if found else None


def of_exception(error: Exception) -> CellError:
    """Return the failure of an exception: an error of the system, or an unexpected one of the engine."""
    if isinstance(error, CellError):
        return error
    if isinstance(error, OSError):
        kind = "disk full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "system error"
        return CellError("install", kind, encodable(str(error)))
    text = " ".join(encodable(str(error)).split())
    return CellError("internal", type(error).__name__, _shortened(text) or "no message; the log has the traceback")


def _classified(stage: Stage, table: tuple[tuple[str, str], ...], otherwise: str, output: str) -> CellError:
    text = " ".join(output.split())  # uv wraps its lines
    for pattern, kind in table:
        if re.search(pattern, text, re.IGNORECASE):
            return CellError(stage, kind, _essence(output))
    return CellError(stage, otherwise, _essence(output))


def _essence(output: str) -> str:
    """Return a program's error message as one short line, without colour, progress and hints."""
    text = _ADVICE.split(_COLOUR.sub("", output))[0]
    text = text[max(0, text.find("error: ")) :]  # drops the progress before it
    text = " ".join(text.split()).removeprefix("error: ")
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
