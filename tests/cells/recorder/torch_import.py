"""Importing torch: once, before any probe does, timed; and what it is that was imported."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import time
import warnings
from typing import Any, Iterator

import pytest

from . import describe
from .events import Events

#: pytest's exit code when torch can't be imported. pytest itself has 0 to 5.
NO_TORCH = 70


def import_torch(events: Events) -> None:
    """Tell what torch is; or why it can't be imported, and end the run."""
    began = {"python": platform.python_version(), "pytest": pytest.__version__}
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _nothing_collected():
                import torch  # noqa: PLC0415 - this is the moment that is timed

            seconds = round(time.perf_counter() - started, 6)
            build = _build(torch)
        except BaseException as error:  # noqa: BLE001 - whatever it is, torch can't be used
            seconds = round(time.perf_counter() - started, 6)
            events.write("import-failed", **began, **describe.raised(error), seconds=seconds)
            pytest.exit(f"torch can't be imported: {error!r}", returncode=NO_TORCH)
    said = describe.warned(caught or [])
    at = time.time()
    events.write("started", **began, torch=build, gpu=_gpu(torch, build), warnings=said, seconds=seconds, at=at)
    _warn_always(torch)


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from what is made in the block, which is alive to the end.

    Else it looks at a million objects of torch again and again, in the end too: a third of a cell's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _build(torch: Any) -> dict[str, str | None]:
    """What the installed torch says of itself. Raises AttributeError for an empty folder of that name."""
    version = torch.version
    said = {name: getattr(version, name, None) for name in ("git_version", "cuda", "hip")}
    texts = {name: None if value is None else str(value) for name, value in said.items()}
    return {"version": str(torch.__version__), **texts}


def _gpu(torch: Any, build: dict[str, str | None]) -> str | None:
    """The GPU that torch can use. Asks only where there can be one: starting CUDA takes seconds."""
    if not (build["cuda"] or build["hip"]) or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no driver is no news
        try:
            return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None
        except Exception as error:  # noqa: BLE001 - a GPU that can't be used is none, and the probes still run
            return f"unusable: {describe.cut(str(error))}"


def _warn_always(torch: Any) -> None:
    """Have torch's C++ code give every warning each time.

    Some are given once in a process; then which observation has them would depend on the order of the tests.
    """
    set_warn_always = getattr(torch, "set_warn_always", None)
    if set_warn_always is not None:
        set_warn_always(True)
