"""Write the events file: lines of JSON, each written before the run continues.

========================  =====================================================================================
``started``               torch was imported: ``python``, ``pytest``, ``torch``, ``gpu``, ``warnings``, ``seconds``,
                          ``at`` (seconds since 1970)
``import-failed``         it could not be: ``python``, ``pytest``, the exception, ``seconds``. The last event
``collection-failed``     a test file could not be collected: ``test`` is the file; ``message``
``collected``             ``tests``: the collected node ids
``test-started``          ``test``
``observing``             ``test``, ``name``: an observation started
``observed``              ``test``, ``name``, ``phase``, ``warnings``, ``seconds`` and ``outcome``: *returned* (with
                          ``message`` if the test noted one), *raised* (the exception), *blocked* (``blocked_by``)
                          or *skipped* (``why``)
``test-finished``         ``test``, ``phase``, ``warnings``, ``seconds`` and ``outcome``: *passed*, *failed* or *error*
                          (the exception), or *skipped* (``message``), also for a whole file;
                          ``observed``: the number of its observations; ``known_defect``: the marker's sentence
``finished``              ``exit``: pytest's exit code; ``tests``: the number of verdicts; ``warned_in``: the files of
                          warnings since ``started``. Without this event the process ended early
========================  =====================================================================================

An exception: ``exception``, ``bases``, ``message``, ``frames``, ``traceback``. Every line has ``event`` and ``pid``.
If MATRIX_TOKEN is set, each line is prefixed by its digest with that key and a space: a line with another digest was
not written here, or was changed. A line break precedes each line, so that output of a test cannot corrupt it.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


class Events:
    """Appends to the events file, if there is one.

    The file is opened for each line: no line is lost if a test crashes, forks, changes the working directory or closes
    open files.
    """

    def __init__(self, path: str | None, token: str = "") -> None:
        self._path = Path(path).absolute() if path else None
        self._token = token
        self._pid = os.getpid()

    @classmethod
    def from_environment(cls) -> Events:
        """Return the writer for MATRIX_EVENTS. The variables are removed: tests do not see them."""
        return cls(os.environ.pop("MATRIX_EVENTS", None), os.environ.pop("MATRIX_TOKEN", ""))

    def write(self, event: str, /, **fields: Any) -> None:
        """Append one line of ASCII with escapes, which can represent lone surrogates too."""
        # A forked child that does not exit continues with the same tests: its results are not the cell's.
        if self._path is None or os.getpid() != self._pid:
            return
        line = json.dumps({"event": event, "pid": self._pid, **fields}).encode("ascii")
        with self._path.open("ab", buffering=0) as file:
            file.write(b"\n" + sealed(line, self._token) + b"\n")


def sealed(line: bytes, token: str) -> bytes:
    """Return a line prefixed by its digest, if there is a key."""
    if not token:
        return line
    return hashlib.blake2b(line, key=token.encode("ascii"), digest_size=16).hexdigest().encode("ascii") + b" " + line


class Done:
    """Results of earlier processes: tests that must not run again, and observations during which a process ended."""

    def __init__(
        self,
        tests: frozenset[str] = frozenset(),
        aborted: frozenset[str] = frozenset(),
        deselected: frozenset[str] = frozenset(),
    ) -> None:
        self.tests, self.aborted, self.deselected = tests, aborted, deselected

    def excludes(self, test: str) -> bool:
        """Return whether a test has already run, or is one of a deselected class, file or folder."""
        if test in self.tests or test in self.deselected:
            return True
        return any(test.startswith((f"{name}::", f"{name}[", f"{name}/")) for name in self.deselected)

    @classmethod
    def from_environment(cls) -> Done:
        """Return the content of the file in MATRIX_DONE; empty without one."""
        path = os.environ.pop("MATRIX_DONE", None)
        if not path or not Path(path).exists():
            return cls()
        content = json.loads(Path(path).read_bytes())
        return cls(frozenset(content["tests"]), frozenset(content["lost"]), frozenset(content.get("deselected", ())))


def encodable(text: str) -> str:
    """Return a text with lone surrogates escaped, as the engine stores it; file names can contain them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
