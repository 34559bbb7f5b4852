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
                          (what was raised), or *skipped* (``message``), which a whole file can be, too
``finished``              ``exit``: pytest's exit code; ``warned_in``: the files that warnings since ``started`` named.
                          Without it the process ended early, and tests are left over
========================  =====================================================================================

What was raised: ``exception``, ``bases``, ``message``, ``frames``, ``traceback``. Every line has ``event`` and ``pid``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping


class Events:
    """Appends to the events file that the engine named; without one, keeps quiet.

    A line is one write to a file opened for it alone: a probe that crashes, forks, changes folder or closes
    what it finds open costs no line.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path).absolute() if path else None
        self._pid = os.getpid()

    @classmethod
    def from_environment(cls) -> Events:
        """The file that MATRIX_EVENTS names."""
        return cls(os.environ.get("MATRIX_EVENTS"))

    def write(self, event: str, /, **fields: Any) -> None:
        """Append one line. It is ASCII with escapes, which carries any text, lone surrogates too."""
        # A forked child that forgot to end runs the same tests on; what it sees is not the cell's.
        if self._path is None or os.getpid() != self._pid:
            return
        line = json.dumps({"event": event, "pid": self._pid, **fields}) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode("ascii"))

    def lost(self) -> set[str]:
        """Names of the observations that were begun by an earlier process and ended it: by a crash or a hang."""
        lost: set[str] = set()
        for event in self._read():
            if event.get("event") == "observing":
                lost.add(str(event.get("name")))
            elif event.get("event") == "observed":
                lost.discard(str(event.get("name")))
        return lost

    def _read(self) -> Iterator[Mapping[str, Any]]:
        """The whole lines; a process that was killed may have left half a one."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    event: dict[str, Any] = json.loads(line)
                except ValueError:
                    continue
                yield event


def done() -> set[str]:
    """Node ids that MATRIX_DONE lists: they finished, crashed or hung in an earlier process of this cell."""
    path = os.environ.get("MATRIX_DONE")
    if not path or not Path(path).exists():
        return set()
    return set(Path(path).read_text(encoding="utf-8", errors="surrogateescape").split("\n"))
