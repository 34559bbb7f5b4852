"""A program's output, bounded: its beginning goes to a log as it comes, its end when it is over."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

#: Bytes of the beginning and of the end that are kept.
HEAD: Final = 4_000_000
TAIL: Final = 4_000_000

_CHUNK: Final = 1 << 16


class Output:
    """Reads a pipe to its end in a thread of its own. What can't be written is dropped: the program must go on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reading, self.writing = os.pipe()
        self._size = 0
        self._tail = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Read, now that the program has the other end of the pipe."""
        os.close(self.writing)
        self._thread.start()

    def close(self) -> None:
        """Give up: the program could not be started."""
        os.close(self.writing)
        os.close(self._reading)

    def finish(self, timeout: float) -> bytes:
        """Return the end of the output, once there is no more of it, or after so many seconds."""
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
