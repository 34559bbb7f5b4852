"""The GPU that the wheel was told to see, if it is a CUDA build and the GPU isn't hidden."""

from __future__ import annotations

import os

from .. import _behaviour, version


def is_available() -> bool:
    """Whether there is a GPU."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    return version.cuda is not None and _behaviour.gpu() is not None and not hidden


def device_count() -> int:
    """How many there are."""
    return int(is_available())


def get_device_name(device: int = 0) -> str:
    """The GPU's name."""
    name = _behaviour.gpu()
    if not is_available() or name is None or device:
        raise AssertionError("Torch not compiled with CUDA enabled")
    return name
