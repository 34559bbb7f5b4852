"""Scripting a parametrized model: upstream's contract test, and each of its steps as an observation."""

from __future__ import annotations

from typing import Callable

import pytest
import torch
from recorder import Observer
from reference import reference
from torch.nn.utils import parametrize
from torch.testing import assert_close


def script(model: torch.nn.Module) -> torch.nn.Module:
    """The compiled model."""
    return torch.jit.script(model)


@pytest.mark.known_defect("scripting fails as upstream expects")
def test_scriptable(phase: Callable[[str], None]) -> None:
    """Compiling, or calling what was compiled, raises torch.jit.Error."""
    # Upstream marks this as a defect to be fixed: it is good news the day this fails because nothing is raised, and a
    # pass means that the defect is still there.
    model, x, _ = reference()
    phase("compiling")
    try:
        scripted = script(model)
        phase("calling")
        scripted(x)
    except torch.jit.Error:
        return
    pytest.fail("a parametrized model was scripted and called")


def test_script(observe: Observer) -> None:
    model, _, _ = reference()
    with observe("script", phase="compiling"):
        script(model)


def test_scripted_call(observe: Observer) -> None:
    model, x, eager = reference()
    with observe("scripted-call", phase="calling"):
        with observe.needs("script"):
            scripted = script(model)
        assert_close(scripted(x), eager)


def test_scripted_call_under_cached(observe: Observer) -> None:
    model, x, eager = reference()
    with observe("scripted-call-under-cached", phase="calling"):
        with observe.needs("script"):
            scripted = script(model)
        with parametrize.cached():
            assert_close(scripted(x), eager)


def test_script_while_caching(observe: Observer) -> None:
    model, _, _ = reference()
    with observe("script-while-caching", phase="compiling"), parametrize.cached():
        script(model)
