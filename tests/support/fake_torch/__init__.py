"""A small imitation of torch: enough of it, in pure Python, for the project's probes to run for real.

This folder becomes the package `torch` of a synthetic wheel; see `tests/support/torches.py`, which also picks
the lines that a release has: a line ending in a remark ``since X`` or ``before X`` is in some releases only, as in
the real history. Which of these apply, and what a wheel does otherwise, is thereby plain in its files.

It must run under Python 3.8 and import fast.
"""

from __future__ import annotations

from . import _behaviour

_behaviour.play("import")  # before anything else is there, as a broken library would be noticed

from . import _C, cuda, jit, nn, testing, version  # noqa: E402 - the act above comes first
from ._tensor import Tensor, allclose, manual_seed, no_grad, randn, set_num_threads, tensor, zeros  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = [
    "_C",
    "Tensor",
    "__version__",
    "allclose",
    "cuda",
    "jit",
    "manual_seed",
    "nn",
    "no_grad",
    "randn",
    "set_num_threads",
    "tensor",
    "testing",
    "version",
    "zeros",
]
