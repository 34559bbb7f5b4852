"""What a fake torch does where it should not do as its release did: a script that is baked into its wheel.

`Behaviour` names observations as the project does, and gives each an act::

    Behaviour(observations={"scripted-call": returns(), "trace": crashes()}, on_import=sleeps(0.5))

What isn't named follows the release's real history. `fake_torch/_behaviour.py` is the other side: it plays the acts.
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

#: Names the file that `flaky` counts in, where the act itself names none.
COUNTER_VARIABLE: Final = "FAKE_TORCH_COUNTER"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act:
    """One thing to do instead of what the release did. Made by the functions below."""

    do: Literal["usual", "return", "raise", "warn", "crash", "hang", "sleep", "wrong", "flaky"]
    kind: str | None = None  # of the exception or warning, such as "ValueError" or "torch.jit.Error"
    message: str | None = None
    signal: int | None = None
    seconds: float | None = None
    counter: str | None = None
    then: tuple[Act, ...] = ()  # the act that follows, or the acts to choose from

    def as_json(self) -> dict[str, Any]:
        """The act as the fake torch reads it."""
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in said.items() if value} | {"then": [act.as_json() for act in self.then]}


def usual() -> Act:
    """As the release really did; of use inside `flaky` and after `warns`."""
    return Act(do="usual")


def returns() -> Act:
    """Work, and give the right numbers, whatever the release did."""
    return Act(do="return")


def gives_wrong_numbers() -> Act:
    """Work, and give numbers that are not those of the eager model. Only calls have numbers."""
    return Act(do="wrong")


def raises(kind: str, message: str) -> Act:
    """Raise an exception of a built-in type, or of one with a dotted name."""
    return Act(do="raise", kind=kind, message=message)


def warns(kind: str, message: str, *, then: Act | None = None) -> Act:
    """Warn first, then do as usual or as said."""
    return Act(do="warn", kind=kind, message=message, then=(then or usual(),))


def sleeps(seconds: float, *, then: Act | None = None) -> Act:
    """Take some seconds first, then do as usual or as said: a slow import, say."""
    return Act(do="sleep", seconds=seconds, then=(then or usual(),))


def crashes(number: signal.Signals = signal.SIGSEGV) -> Act:
    """End the process by a signal, as a segmentation fault or an abort does."""
    return Act(do="crash", signal=int(number))


def hangs() -> Act:
    """Never come back."""
    return Act(do="hang")


def flaky(*acts: Act, counter: Path | None = None) -> Act:
    """A different act in each process, in turn.

    The processes count themselves in the file ``counter``, or in the one that `COUNTER_VARIABLE` names; where
    there is neither, each throws dice.
    """
    return Act(do="flaky", counter=str(counter) if counter else None, then=acts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Behaviour:
    """All that a fake torch does otherwise than its release did."""

    observations: Mapping[Observation, Act] = dataclasses.field(default_factory=dict)
    on_import: Act = Act(do="usual")
    gpu: str | None = None  # the name of a GPU that a CUDA build sees

    def dumps(self) -> str:
        """The text of ``torch/_behaviour.json``."""
        observations = {name: act.as_json() for name, act in self.observations.items()}
        said = {"import": self.on_import.as_json(), "observations": observations, "gpu": self.gpu}
        return json.dumps(said, indent=1, sort_keys=True)
