"""A small imitation of torch in pure Python, sufficient for the built-in suite.

This folder becomes the package `torch` of a synthetic wheel. `tests/support/torches.py` selects the lines of a
release: a line with a comment ``since X`` or ``before X`` is in some releases only, as in the real history. So the
files of a wheel show the behaviour of its release.

It must run on Python 3.8, and its import must be fast.
"""

from __future__ import annotations

from . import _behaviour

_behaviour.play("import")  # first, since a broken library fails before anything else

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
