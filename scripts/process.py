"""The one place that runs other programs: output to a log, limits on time, whole trees ended."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from scripts import guardian

#: Variables that bring another Python, or other ways of running one, into a child.
_LEAKS = {
    *("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "PYTEST_ADDOPTS", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONOPTIMIZE"),
}

#: Seconds that a process gets to say goodbye before it is killed.
_GRACE = 3.0
_POLL = 0.02

_live: set[subprocess.Popen[bytes]] = set()
_live_lock = threading.Lock()
_stopping = threading.Event()


class Stopped(BaseException):
    """The run was interrupted; nothing more may be started. No `Exception`: nobody should handle it in passing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended."""

    returncode: int
    timed_out: bool
    seconds: float
    output: str

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


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment of a child: this process's without what would leak another Python into it, plus ``changes``."""
    kept = {name: value for name, value in os.environ.items() if name not in _LEAKS}
    return {**kept, guardian.VARIABLE: guardian.MARK, **changes}


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path | None = None,
    deadline: Callable[[], float] | None = None,
) -> Finished:
    """Run a program to its end, its output appended to ``log``.

    Args:
        command: the program and its arguments.
        log: a text file; the command itself is written there first.
        env: the whole environment.
        timeout: seconds until it is ended, with all its children.
        cwd: its working directory.
        deadline: asked again and again for the time (`time.monotonic`) at which to give up, where the limit
            moves on with the work; ``timeout`` is then unused.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program can't be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(f"$ {' '.join(map(str, command))}\n".encode())
        sink.flush()
        offset = sink.tell()
        started = time.monotonic()
        with _started(command, sink.fileno(), env, cwd) as child:
            limit = deadline or (lambda: started + timeout)
            timed_out = not _wait(child, limit)
    with log.open("rb") as source:
        source.seek(offset)
        output = source.read().decode("utf-8", "replace")
    return Finished(returncode=child.returncode, timed_out=timed_out, seconds=time.monotonic() - started, output=output)


@contextlib.contextmanager
def _started(
    command: Sequence[str | Path], output: int, env: Mapping[str, str], cwd: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own that doesn't outlive the block."""
    with _live_lock:
        if _stopping.is_set():
            raise Stopped
        _guard()
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,  # ignored on Windows, where psutil finds the children
        )
        _live.add(child)
    try:
        yield child
    finally:
        end_tree(child)
        with _live_lock:
            _live.discard(child)


#: Started with the first child, and kept until this process ends.
_guard = functools.cache(guardian.start)


def _wait(child: subprocess.Popen[bytes], limit: Callable[[], float]) -> bool:
    """Wait until the child ends (True) or the limit passes (False)."""
    while True:
        remaining = limit() - time.monotonic()
        if remaining <= 0:
            tree = _descendants(child)  # as long as it is there; afterwards nobody knows whose they are
            _ask_for_stacks(child)
            _kill(tree)
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(min(remaining, 0.2))
        if _stopping.is_set():  # also where it has ended: by the interruption, which is no result
            raise Stopped
        if child.returncode is not None:
            return True


def _ask_for_stacks(child: subprocess.Popen[bytes]) -> None:
    """Let a hanging Python write its stacks (faulthandler does on SIGABRT) before it is killed."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            child.send_signal(signal.SIGABRT)
            child.wait(_GRACE)


def end_tree(child: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started, also what moved to a session of its own while it was there."""
    tree = _descendants(child)
    if child.poll() is None:
        child.kill()
    if sys.platform != "win32":
        # The group reaches orphans whose parent has gone; the session's id is the child's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    _kill(tree)
    child.wait()


def _descendants(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
    except psutil.Error:
        return []


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def stop_all() -> None:
    """End every child and let no new one start: the run was interrupted."""
    _stopping.set()
    with _live_lock:
        children = list(_live)
    for child in children:
        end_tree(child)


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
        _stopping.clear()
