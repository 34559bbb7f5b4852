"""A program that stays and answers lines with lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.core import children
from scripts.core.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="select works on sockets only")

PROGRAM = """
import os, sys, time
for line in sys.stdin:
    word = line.strip()
    if word == "die": os._exit(3)
    if word == "hang": time.sleep(60)
    print(os.getpid(), word * 50_000 if word == "long" else word, flush=True)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with contextlib.closing(Worker([sys.executable, "-c", PROGRAM], env=dict(os.environ), cwd=tmp_path)) as worker:
        yield worker


def ask(worker: Worker, question: str, timeout: float = 30) -> tuple[int, str]:
    pid, _, answer = worker.ask(question, timeout=timeout).partition(" ")
    return int(pid), answer


def test_one_process_answers_all_questions(worker: Worker) -> None:
    first, answer = ask(worker, "ä one")
    assert answer == "ä one"
    assert ask(worker, "long") == (first, "long" * 50_000)


def test_a_program_that_ends_or_hangs_is_replaced(worker: Worker) -> None:
    first, _ = ask(worker, "one")
    with pytest.raises(ChildProcessError, match="ended without an answer"):
        ask(worker, "die")
    second, _ = ask(worker, "two")
    with pytest.raises(TimeoutError):
        ask(worker, "hang", timeout=0.3)
    assert not psutil.pid_exists(second)
    third, _ = ask(worker, "three")
    assert len({first, second, third}) == 3
    worker.close()
    assert not psutil.pid_exists(third)


def test_an_interruption_ends_the_program(worker: Worker) -> None:
    pid, _ = ask(worker, "one")
    began = time.monotonic()
    try:
        children.stop()
        with pytest.raises((children.Stopped, OSError)):
            ask(worker, "hang")
    finally:
        children.resume()
    assert time.monotonic() - began < 30
    assert not psutil.pid_exists(pid)


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with contextlib.closing(Worker([tmp_path / "missing"], env={}, cwd=tmp_path)) as worker:
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                worker.ask("x", timeout=1)
