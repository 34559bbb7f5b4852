"""The GPU of ``_behaviour.json``, if this is a CUDA build and the GPU is visible."""

from __future__ import annotations

import os

from .. import _behaviour, version


def is_available() -> bool:
    """Return whether there is a GPU."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    return version.cuda is not None and _behaviour.gpu() is not None and not hidden


def device_count() -> int:
    """Return the number of GPUs."""
    return int(is_available())


def get_device_name(device: int = 0) -> str:
    """Return the name of the GPU."""
    name = _behaviour.gpu()
    if not is_available() or name is None or device:
        raise AssertionError("Torch not compiled with CUDA enabled")
    return name
