"""The behaviour of a fake torch where it differs from its release: a script in its wheel.

`Behaviour` gives an act to each observation, by its name in the project::

    Behaviour(observations={"scripted-call": returns(), "trace": crashes()}, on_import=sleeps(0.5))

All other observations follow the release's real history. `fake_torch/_behaviour.py` carries out the acts.
"""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

Observation = Literal[
    "trace",
    "trace-while-caching",
    "traced-call",
    "traced-call-under-cached",
    "script",
    "script-while-caching",
    "scripted-call",
    "scripted-call-under-cached",
]

#: Environment variable: the file in which `flaky` counts, if the act names none.
COUNTER_VARIABLE: Final = "FAKE_TORCH_COUNTER"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act:
    """An action in place of the release's own; the functions below make them."""

    do: Literal["usual", "return", "raise", "warn", "crash", "hang", "sleep", "wrong", "flaky"]
    kind: str | None = None  # of the exception or warning, such as "ValueError" or "torch.jit.Error"
    message: str | None = None
    signal: int | None = None
    seconds: float | None = None
    counter: str | None = None
    then: tuple[Act, ...] = ()  # the act that follows, or the acts to choose from

    def as_json(self) -> dict[str, Any]:
        """Return the act as the fake torch reads it."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value} | {"then": [act.as_json() for act in self.then]}


def usual() -> Act:
    """Behave as the release; for use in `flaky` and after `warns`."""
    return Act(do="usual")


def returns() -> Act:
    """Return, with the right numbers."""
    return Act(do="return")


def gives_wrong_numbers() -> Act:
    """Return, with numbers that differ from those of the eager model. Only calls have numbers."""
    return Act(do="wrong")


def raises(kind: str, message: str) -> Act:
    """Raise an exception of a built-in type, or of one with a dotted name."""
    return Act(do="raise", kind=kind, message=message)


def warns(kind: str, message: str, *, then: Act | None = None) -> Act:
    """Warn first, then do another act."""
    return Act(do="warn", kind=kind, message=message, then=(then or usual(),))


def sleeps(seconds: float, *, then: Act | None = None) -> Act:
    """Sleep for some seconds first, then do another act."""
    return Act(do="sleep", seconds=seconds, then=(then or usual(),))


def crashes(number: signal.Signals = signal.SIGSEGV) -> Act:
    """End the process with a signal, as a segmentation fault does."""
    return Act(do="crash", signal=int(number))


def hangs() -> Act:
    """Never return."""
    return Act(do="hang")


def flaky(*acts: Act, counter: Path | None = None) -> Act:
    """Do a different act in each process, in turn.

    The processes are counted in the file ``counter``, or in the one that `COUNTER_VARIABLE` names; without either, the
    act is random.
    """
    return Act(do="flaky", counter=str(counter) if counter else None, then=acts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Behaviour:
    """All behaviour of a fake torch that differs from its release."""

    observations: Mapping[Observation, Act] = dataclasses.field(default_factory=dict)
    on_import: Act = Act(do="usual")
    gpu: str | None = None  # name of the GPU that a CUDA build finds

    def dumps(self) -> str:
        """Return the text of ``torch/_behaviour.json``."""
        observations = {name: act.as_json() for name, act in self.observations.items()}
        script = {"import": self.on_import.as_json(), "observations": observations, "gpu": self.gpu}
        return json.dumps(script, indent=1, sort_keys=True)
