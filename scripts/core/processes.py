"""Run programs to their end, with timeouts, and log or return their output. Nothing else calls `subprocess`.

`scripts.core.children` starts them and ends their process trees.
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

#: Seconds for a process to write its stack traces before it is killed, and for its output to end.
_GRACE = 3.0

#: Maximum bytes of output that `run` returns; the log has more.
_RETURNED_OUTPUT = 200_000
_HOUR = 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
    """The result of a program."""

    returncode: int
    timed_out: bool
    seconds: float
    output: str
    cpu: float = 0.0  # processor seconds of the process tree; exact on Linux, else if nothing ran at the same time

    @property
    def ok(self) -> bool:
        """True if the program exited with code 0 within the timeout."""
        return self.returncode == 0 and not self.timed_out

    @property
    def signal_name(self) -> str | None:
        """The name of the signal that ended the program, such as ``SIGSEGV``, if any."""
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
    """Run a program to its end and append its output, at most the beginning and the end, to ``log``.

    Args:
        command: the program and its arguments.
        log: a text file, which starts with the command. Failure to write it is ignored.
        env: the whole environment, see `scripts.core.environment`.
        timeout: seconds until the process tree is killed.
        cwd: its working directory.
        deadline: returns the time (`time.monotonic`) at which to kill it, for limits that move with the
            program's progress; replaces ``timeout``.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program cannot be started.
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
        end_of_output = output.finish(_GRACE)
    return Finished(
        returncode=child.returncode if child.returncode is not None else -signal.SIGTERM,
        timed_out=timed_out,
        seconds=time.monotonic() - started,
        output=end_of_output[-_RETURNED_OUTPUT:].decode("utf-8", "replace"),
        cpu=child.cpu,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captured:
    """The exit code and output of a program."""

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
    """Run a program to its end and return its output.

    Args:
        command: the program and its arguments.
        env: the whole environment (default: this process's).
        cwd: its working directory.
        text: its standard input.
        timeout: seconds until it is killed, with exit code -9.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program cannot be started.
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
        texts = [file.read().decode("utf-8", "replace").replace("\r\n", "\n") for file in (stdout, stderr)]
    returncode = child.returncode if child.returncode is not None else -signal.SIGTERM
    return Captured(returncode=returncode, stdout=texts[0], stderr=texts[1])


def _wait(child: Child, limit: Callable[[], float]) -> bool:
    """Wait until the child ends (True) or the limit passes (False)."""
    while True:
        remaining = limit() - time.monotonic()
        if remaining <= 0:
            _request_stacks(child)
            return False
        ended = child.wait(min(remaining, 0.2))
        check_stopping()  # also if it has ended, because the interruption may be the cause
        if ended:
            return True


def _request_stacks(child: Child) -> None:
    """Let a hanging Python process write its stack traces, which faulthandler does on SIGABRT, before it is killed."""
    if sys.platform != "win32":
        child.send_signal(signal.SIGABRT)
        child.wait(_GRACE)


def stop_all() -> None:
    """Kill all children and refuse to start others: the run was interrupted."""
    children.stop()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM interrupt the block like Ctrl-C, and kill all children when it is interrupted."""

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
