"""Write a program's output to a log with a size limit: the beginning at once, the end when the program has ended."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

#: Maximum bytes of the beginning and of the end.
HEAD: Final = 4_000_000
TAIL: Final = 4_000_000

_CHUNK: Final = 1 << 16


class Output:
    """A pipe that a thread reads to its end. Data that can't be written to the log is dropped."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reading, self.writing = os.pipe()
        self._size = 0
        self._tail = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Start reading; call this when the program has the other end of the pipe."""
        os.close(self.writing)
        self._thread.start()

    def close(self) -> None:
        """Close the pipe of a program that could not be started."""
        os.close(self.writing)
        os.close(self._reading)

    def finish(self, timeout: float) -> bytes:
        """Return the end of the output, when the pipe is closed or after ``timeout`` seconds."""
        self._thread.join(timeout)
        beyond = bytes(self._tail[-max(0, min(TAIL, self._size - HEAD)) :]) if self._size > HEAD else b""
        if beyond:
            cut = self._size - HEAD - len(beyond)
            self._append(b"\n[%d bytes of output cut]\n" % cut + beyond if cut else beyond)
        return bytes(self._tail)

    def _read(self) -> None:
        while True:
            chunk = os.read(self._reading, _CHUNK)
            if not chunk:
                os.close(self._reading)
                return
            if self._size < HEAD:
                self._append(chunk[: HEAD - self._size])
            self._size += len(chunk)
            self._tail += chunk
            if len(self._tail) > 2 * TAIL:
                del self._tail[:-TAIL]

    def _append(self, data: bytes) -> None:
        with contextlib.suppress(OSError), self._log.open("ab") as file:
            file.write(data)
