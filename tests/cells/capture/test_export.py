"""torch.export: a graph of the whole model, by Dynamo (strict) or by running it with fake tensors (not strict)."""

from __future__ import annotations

import pytest
from models import ALL, SOME
from recorder import Observer
from ways import exported, observe_capture


@pytest.mark.parametrize("what", ALL)
def test_export_strict(observe: Observer, what: str) -> None:
    """An exported model computes what the eager model does, if Dynamo analyses it.

    Where this fails, export with strict=False, or remove the parametrizations first (`remove/…`).
    """
    observe_capture(observe, f"export-strict/{what}", lambda case: exported(case, strict=True))


@pytest.mark.parametrize("what", ALL)
def test_export_nonstrict(observe: Observer, what: str) -> None:
    """The same with strict=False, which runs the model as Python does: the way that knows most parametrizations."""
    observe_capture(observe, f"export-nonstrict/{what}", lambda case: exported(case, strict=False))


@pytest.mark.parametrize("what", SOME)
def test_export_strict_cached(observe: Observer, what: str) -> None:
    """Exporting and calling inside parametrize.cached() gives the same output.

    Where the output is a FakeTensor, the program contains what was in the cache while exporting: export outside.
    """
    observe_capture(observe, f"export-strict/{what}", lambda case: exported(case, strict=True), cached=True)


@pytest.mark.parametrize("what", SOME)
def test_export_nonstrict_cached(observe: Observer, what: str) -> None:
    """The same with strict=False; here the cache is used while exporting."""
    observe_capture(observe, f"export-nonstrict/{what}", lambda case: exported(case, strict=False), cached=True)
