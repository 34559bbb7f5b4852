"""Running other programs to their end: output to a log or returned, limits on time. Nothing else calls `subprocess`.

How they are started and ended, with all that they start, is in `scripts.core.children`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.core import children
from scripts.core.children import Child, Stopped, check_stopping
from scripts.core.output import Output

__all__ = ["Captured", "Finished", "Stopped", "capture", "check_stopping", "interruptible", "run"]

#: Seconds that a process gets to write its stacks before it is killed, and its output to come to an end.
_GRACE = 3.0

#: Bytes of a program's output that are returned; the log has more.
_SAID = 200_000
_HOUR = 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended."""

    returncode: int
    timed_out: bool
    seconds: float
    output: str
    cpu: float = 0.0  # processor seconds of all of it, where nothing else ran meanwhile or the system keeps them apart

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.returncode == 0 and not self.timed_out

    @property
    def signal_name(self) -> str | None:
        """The name of the signal that ended it, such as ``SIGSEGV``, if one did."""
        if self.returncode >= 0:
            return None
        try:
            return signal.Signals(-self.returncode).name
        except ValueError:
            return f"signal {-self.returncode}"


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path | None = None,
    deadline: Callable[[], float] | None = None,
) -> Finished:
    """Run a program to its end, its output appended to ``log``, of which beginning and end are kept.

    Args:
        command: the program and its arguments.
        log: a text file; the command itself is written there first. That it can't be written changes nothing.
        env: the whole environment, see `scripts.core.environment`.
        timeout: seconds until it is ended, with all its children.
        cwd: its working directory.
        deadline: asked again and again for the time (`time.monotonic`) at which to give up, where the limit
            moves on with the work; ``timeout`` is then unused.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program can't be started.
    """
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            sink.write(f"$ {' '.join(map(str, command))}\n".encode("utf-8", "backslashreplace"))
    started = time.monotonic()
    limit = deadline or (lambda: started + timeout)
    output = Output(log)
    try:
        child = children.start(command, env=env, cwd=cwd, stdout=output.writing, stderr=output.writing)
    except BaseException:
        output.close()
        raise
    output.start()
    try:
        timed_out = not _wait(child, limit)
    finally:
        children.end(child)
        said = output.finish(_GRACE)
    return Finished(
        returncode=child.returncode if child.returncode is not None else -signal.SIGTERM,
        timed_out=timed_out,
        seconds=time.monotonic() - started,
        output=said[-_SAID:].decode("utf-8", "replace"),
        cpu=child.cpu,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captured:
    """What a program printed."""

    returncode: int
    stdout: str
    stderr: str


def capture(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str = "",
    timeout: float = _HOUR,
) -> Captured:
    """Run a program to its end, and return what it printed.

    Args:
        command: the program and its arguments.
        env: the whole environment; this process's own if not given.
        cwd: its working directory.
        text: what it reads from its standard input.
        timeout: seconds until it is ended, with exit code -9.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program can't be started.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(text.encode("utf-8", "surrogateescape"))
        stdin.seek(0)
        child = children.start(
            command,
            env=os.environ if env is None else env,
            cwd=cwd,
            stdin=stdin.fileno(),
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        )
        limit = time.monotonic() + timeout
        try:
            _wait(child, lambda: limit)
        finally:
            children.end(child)
        for file in (stdout, stderr):
            file.seek(0)
        said = [file.read().decode("utf-8", "replace").replace("\r\n", "\n") for file in (stdout, stderr)]
    returncode = child.returncode if child.returncode is not None else -signal.SIGTERM
    return Captured(returncode=returncode, stdout=said[0], stderr=said[1])


def _wait(child: Child, limit: Callable[[], float]) -> bool:
    """Wait until the child ends (True) or the limit passes (False)."""
    while True:
        remaining = limit() - time.monotonic()
        if remaining <= 0:
            _ask_for_stacks(child)
            return False
        ended = child.wait(min(remaining, 0.2))
        check_stopping()  # also where it has ended: by the interruption, which is no result
        if ended:
            return True


def _ask_for_stacks(child: Child) -> None:
    """Let a hanging Python write its stacks (faulthandler does on SIGABRT) before it is killed."""
    if sys.platform != "win32":
        child.send_signal(signal.SIGABRT)
        child.wait(_GRACE)


def stop_all() -> None:
    """End every child and let no new one start: the run was interrupted."""
    children.stop()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, SIGTERM interrupts like Ctrl-C, and an interruption ends every child."""

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        stop_all()
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
        children.resume()
