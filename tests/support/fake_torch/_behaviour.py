"""Carries out the acts of ``_behaviour.json``, in place of the behaviour of the wheel's release."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import random
import time
import warnings
from typing import Any

_HERE = os.path.dirname(__file__)

#: The number of this process in each file in which processes are counted.
_process_numbers: dict[str | None, int] = {}


def play(name: str) -> str:
    """Carry out the wheel's act for an observation, or for "import".

    Returns the act: "usual", "return" (without an error) or "wrong" (with other numbers).
    """
    script = _read()
    act = script["import"] if name == "import" else script["observations"].get(name, {"do": "usual"})
    return _carry_out(act)


def gpu() -> str | None:
    """Return the name of the GPU that this wheel finds."""
    name: str | None = _read()["gpu"]
    return name


def _read() -> dict[str, Any]:
    try:
        with open(os.path.join(_HERE, "_behaviour.json"), encoding="utf-8") as file:
            script: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return {"import": {"do": "usual"}, "observations": {}, "gpu": None}
    return script


def _carry_out(act: dict[str, Any]) -> str:
    kind = act["do"]
    if kind == "raise":
        raise _named(act["kind"])(act.get("message", ""))
    if kind == "crash":
        os.kill(os.getpid(), act["signal"])
    if kind == "hang":
        while True:
            time.sleep(3600)
    if kind == "flaky":
        return _carry_out(act["then"][_process_number(act.get("counter")) % len(act["then"])])
    if kind == "warn":
        warnings.warn(act.get("message", ""), _named(act["kind"]), stacklevel=4)
        return _carry_out(act["then"][0])
    if kind == "sleep":
        time.sleep(act["seconds"])
        return _carry_out(act["then"][0])
    return str(kind)


def _named(kind: str) -> Any:
    """Return an exception or warning by its name, built-in or dotted."""
    module, _, name = kind.rpartition(".")
    return getattr(importlib.import_module(module) if module else builtins, name)


def _process_number(counter: str | None) -> int:
    """Return the number of this process among those that carried out the act; constant within a process."""
    path = counter or os.environ.get("FAKE_TORCH_COUNTER")
    if path not in _process_numbers:
        _process_numbers[path] = _count(path) if path else random.randrange(1 << 30)
    return _process_numbers[path]


def _count(path: str) -> int:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, b".")  # each process appends a byte; the position of its byte is its number
        return os.lseek(file, 0, os.SEEK_CUR) - 1
    finally:
        os.close(file)
