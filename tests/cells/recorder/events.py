"""The events file: lines of JSON, each on disk before the next thing is done.

========================  =====================================================================================
``started``               torch is imported: ``python``, ``pytest``, ``torch``, ``gpu``, ``warnings``, ``seconds``,
                          ``at`` (seconds since 1970)
``import-failed``         it can't be: ``python``, ``pytest``, what was raised, ``seconds``. Nothing else follows
``collection-failed``     a file of probes can't be read: ``test`` is the file; ``message``
``collected``             ``tests``: the node ids that will be run
``test-started``          ``test``
``observing``             ``test``, ``name``: an observation begins
``observed``              ``test``, ``name``, ``phase``, ``warnings``, ``seconds`` and ``outcome``: *returned*, *raised*
                          (what was raised), *blocked* (``blocked_by``) or *skipped* (``why``)
``test-finished``         ``test``, ``phase``, ``warnings``, ``seconds`` and ``outcome``: *passed*, *failed* or *error*
                          (what was raised), or *skipped* (``message``), which a whole file can be, too;
                          ``observed``: the number of its observations
``finished``              ``exit``: pytest's exit code; ``tests``: the number of verdicts; ``warned_in``: the files that
                          warnings since ``started`` named. Without it the process ended early
========================  =====================================================================================

What was raised: ``exception``, ``bases``, ``message``, ``frames``, ``traceback``. Every line has ``event`` and ``pid``.
Where MATRIX_TOKEN is set, the line's digest with that key and a blank stand before it: a line with another one was not
written here, or was changed. It begins with a line break too, so that what a test writes to the file spoils no line.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


class Events:
    """Appends to the events file that the engine named; without one, keeps quiet.

    A line is one write to a file opened for it alone: a probe that crashes, forks, changes folder or closes
    what it finds open costs no line.
    """

    def __init__(self, path: str | None, token: str = "") -> None:
        self._path = Path(path).absolute() if path else None
        self._token = token
        self._pid = os.getpid()

    @classmethod
    def from_environment(cls) -> Events:
        """The file that MATRIX_EVENTS names. The tests don't see the variables."""
        return cls(os.environ.pop("MATRIX_EVENTS", None), os.environ.pop("MATRIX_TOKEN", ""))

    def write(self, event: str, /, **fields: Any) -> None:
        """Append one line. It is ASCII with escapes, which carries any text, lone surrogates too."""
        # A forked child that forgot to end runs the same tests on; what it sees is not the cell's.
        if self._path is None or os.getpid() != self._pid:
            return
        line = json.dumps({"event": event, "pid": self._pid, **fields}).encode("ascii")
        with self._path.open("ab", buffering=0) as file:
            file.write(b"\n" + sealed(line, self._token) + b"\n")


def sealed(line: bytes, token: str) -> bytes:
    """A line with its digest before it, if there is a key."""
    if not token:
        return line
    return hashlib.blake2b(line, key=token.encode("ascii"), digest_size=16).hexdigest().encode("ascii") + b" " + line


class Done:
    """What earlier processes of this cell came to: tests not to be run again, and observations that ended a process."""

    def __init__(self, tests: frozenset[str] = frozenset(), lost: frozenset[str] = frozenset()) -> None:
        self.tests, self.lost = tests, lost

    @classmethod
    def from_environment(cls) -> Done:
        """What the file says that MATRIX_DONE names, if there is one."""
        path = os.environ.pop("MATRIX_DONE", None)
        if not path or not Path(path).exists():
            return cls()
        said = json.loads(Path(path).read_bytes())
        return cls(frozenset(said["tests"]), frozenset(said["lost"]))


def encodable(text: str) -> str:
    """A text as the engine keeps it: lone surrogates, as of file names that aren't UTF-8, are escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
