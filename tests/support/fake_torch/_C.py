"""State that the real torch keeps in compiled code: whether a model is traced or interpreted."""

from __future__ import annotations

import contextlib
from typing import Iterator

_tracing: object | None = None
_scripting = False


class JITException(Exception):  # noqa: N818 - torch's own name, public as torch.jit.Error
    """Exception of TorchScript's interpreter."""


def _get_tracing_state() -> object | None:
    """Return an object while a model is traced, else None."""
    return _tracing


def _is_scripting() -> bool:
    return _scripting


@contextlib.contextmanager
def state(*, tracing: bool = False, scripting: bool = False) -> Iterator[None]:
    """Mark a model as traced, or as interpreted by TorchScript, or neither, within the block."""
    global _tracing, _scripting
    before = _tracing, _scripting
    _tracing, _scripting = (object() if tracing else None), scripting
    try:
        yield
    finally:
        _tracing, _scripting = before
