"""Import torch before any test does, measure the time, and record its version."""

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

#: pytest's exit code if torch cannot be imported. pytest itself uses 0 to 5.
NO_TORCH = 70


def import_torch(events: Events) -> None:
    """Import torch and record its version; if that fails, record the exception and end the run."""
    versions = {"python": platform.python_version(), "pytest": pytest.__version__}
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _nothing_collected():
                import torch  # noqa: PLC0415 - this import is timed

            seconds = round(time.perf_counter() - started, 6)
            build = _build(torch)
        except BaseException as error:  # noqa: BLE001 - every exception means that torch cannot be used
            seconds = round(time.perf_counter() - started, 6)
            events.write("import-failed", **versions, **describe.raised(error), seconds=seconds)
            pytest.exit(f"torch can't be imported: {error!r}", returncode=NO_TORCH)
    warned = describe.warned(caught or [])
    at = time.time()
    events.write("started", **versions, torch=build, gpu=_gpu(torch, build), warnings=warned, seconds=seconds, at=at)
    _warn_always(torch)


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Exclude the objects created in the block from garbage collection: they live until the process ends.

    Otherwise every collection, and the shutdown, visits a million objects of torch: a third of a cell's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _build(torch: Any) -> dict[str, str | None]:
    """Return the versions of the installed torch. Raise AttributeError for an empty folder of that name."""
    version = torch.version
    attributes = {name: getattr(version, name, None) for name in ("git_version", "cuda", "hip")}
    texts = {name: None if value is None else str(value) for name, value in attributes.items()}
    return {"version": str(torch.__version__), **texts}


def _gpu(torch: Any, build: dict[str, str | None]) -> str | None:
    """Return the GPU that torch can use, or None. CUDA, which takes seconds to start, is started only if necessary."""
    if not (build["cuda"] or build["hip"]) or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing driver is expected
        try:
            return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else None
        except Exception as error:  # noqa: BLE001 - an unusable GPU is recorded; the tests still run
            return f"unusable: {describe.cut(str(error))}"


def _warn_always(torch: Any) -> None:
    """Make torch's C++ code raise every warning each time.

    Some are raised once a process by default: the observation that records them would depend on the order of tests.
    """
    set_warn_always = getattr(torch, "set_warn_always", None)
    if set_warn_always is not None:
        set_warn_always(True)
