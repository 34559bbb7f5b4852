"""A program that stays and answers lines with lines, so that a task does not pay for its start. Not on Windows."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from scripts.core import children
from scripts.core.children import Child

#: Seconds between two checks for an interruption.
_POLL_INTERVAL: Final = 0.2


class Worker:
    """Starts the program at the first question, and again after one that ended it. For one thread at a time."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> None:
        """Note the command and its whole environment; see `scripts.core.environment`."""
        self._command, self._env, self._cwd = command, env, cwd
        self._child: Child | None = None
        self._questions = self._answers = -1  # our ends of the pipes

    def ask(self, question: str, *, timeout: float) -> str:
        """Return the answer to a line.

        Raises:
            TimeoutError: there was none within ``timeout`` seconds; the program was killed.
            ChildProcessError: the program ended without an answer.
            Stopped: the run is being interrupted.
            OSError: the program cannot be started.
        """
        limit = time.monotonic() + timeout
        try:
            if self._child is None:
                self._start()
            self._send(f"{question}\n".encode())
            return self._receive(limit)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the program, if it runs, with all its descendants."""
        for end in (self._questions, self._answers):
            with contextlib.suppress(OSError):
                os.close(end)
        self._questions = self._answers = -1
        if self._child is not None:
            children.end(self._child)
            self._child = None

    def _start(self) -> None:
        stdin, self._questions = os.pipe()
        self._answers, stdout = os.pipe()
        with Path(os.devnull).open("wb") as stderr:
            try:
                self._child = children.start(
                    self._command, env=self._env, cwd=self._cwd, stdin=stdin, stdout=stdout, stderr=stderr.fileno()
                )
            finally:
                os.close(stdin)
                os.close(stdout)

    def _send(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._questions, line) :]

    def _receive(self, limit: float) -> str:
        received = b""
        while not received.endswith(b"\n"):
            children.check_stopping()
            remaining = limit - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            if select.select([self._answers], [], [], min(remaining, _POLL_INTERVAL))[0]:
                piece = os.read(self._answers, 1 << 16)
                if not piece:
                    raise ChildProcessError("the program ended without an answer")
                received += piece
        return received.decode("utf-8", "replace").rstrip("\n")
