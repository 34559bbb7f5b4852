"""State that the real torch keeps in compiled code: what is being traced or interpreted."""

from __future__ import annotations

import contextlib
from typing import Iterator

_tracing: object | None = None
_scripting = False


class JITException(Exception):  # noqa: N818 - torch's own name, public as torch.jit.Error
    """What TorchScript's interpreter raises."""


def _get_tracing_state() -> object | None:
    """Something while a model is being traced."""
    return _tracing


def _is_scripting() -> bool:
    return _scripting


@contextlib.contextmanager
def state(*, tracing: bool = False, scripting: bool = False) -> Iterator[None]:
    """Within the block, a model is being traced, or interpreted by TorchScript, or neither."""
    global _tracing, _scripting
    before = _tracing, _scripting
    _tracing, _scripting = (object() if tracing else None), scripting
    try:
        yield
    finally:
        _tracing, _scripting = before
