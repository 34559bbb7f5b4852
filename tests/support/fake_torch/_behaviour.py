"""Plays the acts of ``_behaviour.json``: what this wheel was told to do instead of what its release did."""

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

#: This process's number in each file that processes count themselves in.
_turns: dict[str | None, int] = {}


def play(name: str) -> str:
    """Do what the wheel says for an observation, or for "import".

    Returns how to go on: "usual", "return" (nothing may hinder) or "wrong" (with numbers that are off).
    """
    said = _read()
    act = said["import"] if name == "import" else said["observations"].get(name, {"do": "usual"})
    return _do(act)


def gpu() -> str | None:
    """The name of the GPU that this wheel was told to see."""
    name: str | None = _read()["gpu"]
    return name


def _read() -> dict[str, Any]:
    try:
        with open(os.path.join(_HERE, "_behaviour.json"), encoding="utf-8") as file:
            said: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return {"import": {"do": "usual"}, "observations": {}, "gpu": None}
    return said


def _do(act: dict[str, Any]) -> str:
    kind = act["do"]
    if kind == "raise":
        raise _named(act["kind"])(act.get("message", ""))
    if kind == "crash":
        os.kill(os.getpid(), act["signal"])
    if kind == "hang":
        while True:
            time.sleep(3600)
    if kind == "flaky":
        return _do(act["then"][_turn(act.get("counter")) % len(act["then"])])
    if kind == "warn":
        warnings.warn(act.get("message", ""), _named(act["kind"]), stacklevel=4)
        return _do(act["then"][0])
    if kind == "sleep":
        time.sleep(act["seconds"])
        return _do(act["then"][0])
    return str(kind)


def _named(kind: str) -> Any:
    """An exception or warning by its name, built-in or dotted."""
    module, _, name = kind.rpartition(".")
    return getattr(importlib.import_module(module) if module else builtins, name)


def _turn(counter: str | None) -> int:
    """Which of the processes that met this act this one is; the same all the time that it lives."""
    path = counter or os.environ.get("FAKE_TORCH_COUNTER")
    if path not in _turns:
        _turns[path] = _count(path) if path else random.randrange(1 << 30)
    return _turns[path]


def _count(path: str) -> int:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, b".")  # each process adds one byte, and where its own lies is its number
        return os.lseek(file, 0, os.SEEK_CUR) - 1
    finally:
        os.close(file)
