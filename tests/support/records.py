"""Records for tests, and a large number of them for benchmarks."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from scripts.index.torch_version import Torch
from scripts.records.model import (
    CellKey,
    Frame,
    FreshRecord,
    Observation,
    Reason,
    Record,
    Run,
    Test,
    Timings,
    Warned,
    Wheel,
)

LINUX: Final = "linux-x86_64"
#: The observations of the project, in their order.
NAMES: Final = (
    "trace",
    "traced-call",
    "traced-call-under-cached",
    "trace-while-caching",
    "script",
    "scripted-call",
    "scripted-call-under-cached",
    "script-while-caching",
)


def returned(*warnings: tuple[str, str], phase: str | None = None) -> Observation:
    """Return an observation that returned, with warnings by category and text."""
    return Observation(outcome="returned", phase=phase, warnings=warned(*warnings))


def raised(
    message: str,
    *warnings: tuple[str, str],
    exception: str = "builtins.RuntimeError",
    phase: str | None = "compiling",
    frames: tuple[Frame, ...] = (),
) -> Observation:
    """Return an observation that raised."""
    return Observation(
        outcome="raised",
        phase=phase,
        exception=exception,
        bases=("builtins.Exception",),
        message=message,
        warnings=warned(*warnings),
        frames=frames,
    )


def blocked(by: str) -> Observation:
    """Return an observation that was blocked by another one."""
    return Observation(outcome="blocked", blocked_by=by)


def warned(*warnings: tuple[str, str]) -> tuple[Warned, ...]:
    """Return warnings from categories and texts."""
    return tuple(Warned(category=category, message=text) for category, text in warnings)


def record(
    torch: str,
    observations: Mapping[str, Observation] | None = None,
    *,
    build: str = "cpu",
    python: str = "3.11",
    platform: str = LINUX,
    tests: Mapping[str, Test] | None = None,
    index: str = "cpu",
    packages: Mapping[str, str] | None = None,
) -> Record:
    """Return the record of a cell in which the suite ran."""
    identity = f"{torch}{build}{python}{platform}"
    return Record(
        cell=CellKey(torch=torch, build=build, python=python, platform=platform),
        status="recorded",
        wheel=Wheel(
            filename=f"torch-{torch}-cp{python.replace('.', '')}-{platform}.whl", sha256=sha(identity), index=index
        ),
        torch=Torch(version=f"{torch}+{build}", git_version=sha(torch)[:40], cuda=None),
        packages={"numpy": "1.26.4", **(packages or {})},
        tests=dict(tests or {}),
        observations=dict(observations or {}),
    )


def unavailable(
    torch: str,
    *,
    build: str = "cpu",
    python: str = "3.11",
    platform: str = LINUX,
    message: str = "no wheel for this Python",
    kind: str = "no-wheel",
) -> Record:
    """Return the record of an unavailable cell."""
    return Record(
        cell=CellKey(torch=torch, build=build, python=python, platform=platform),
        status="unavailable",
        reason=Reason(stage="resolve", kind=kind, message=message),
    )


def fresh(
    record: Record, *, recorded_at: str = "2026-11-24T20:00:00+00:00", requested: str | None = None
) -> FreshRecord:
    """Return a record as a run makes it."""
    timings = Timings(resolve=0.5, download=None, install=9.25, import_=3.5, probes=1.0, total=14.25)
    run = Run(
        asked=requested or record.cell.id,
        inputs=sha("inputs"),
        recorded_at=recorded_at,
        machine="Linux, 2 cores",
        log=f".matrix/logs/{record.cell.id}.log",
        bytes=1_784_854_183,
        timings=timings,
    )
    return FreshRecord(**dict(record), run=run)


def sha(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def history(name: str, letters: str, *, python: str = "3.11", build: str = "cpu") -> list[Record]:
    """Return records of 2.0.0, 2.1.0 …, one per letter, with one observation (see `observed`); a space: no record."""
    return [
        record(f"2.{minor}.0", {name: observed(letter)}, python=python, build=build)
        for minor, letter in enumerate(letters)
        if letter != " "
    ]


def observed(letter: str) -> Observation:
    """Return an observation: ``.`` returned, ``w`` returned with a warning, every other letter another failure."""
    match letter:
        case ".":
            return returned()
        case "w":
            return returned(("builtins.FutureWarning", "`torch.jit.script` is deprecated. Please switch."))
        case _:
            return raised(f"Failure {letter} of the compiler.")


def generated_records(number: int) -> Iterator[Record]:
    """Yield records of many releases, Pythons, builds and platforms whose behaviour changes now and then."""
    platforms = (LINUX, "linux-aarch64", "macos-arm64", "windows-x86_64")
    pythons = [f"3.{minor}" for minor in range(8, 15)]
    builds = ["cpu", *(f"cu{version}" for version in range(110, 119))]
    per_release = len(platforms) * len(pythons) * len(builds)
    releases = (f"{major}.{minor}.{patch}" for major in itertools.count(1) for minor in range(20) for patch in range(3))
    axes = itertools.product(platforms, pythons, builds)
    torch = ""
    for count in range(number):
        if count % per_release == 0:
            torch = next(releases)
            axes = itertools.product(platforms, pythons, builds)
        platform, python, build = next(axes)
        era = count // per_release // 5
        yield record(torch, _era(era), build=build, python=python, platform=platform, index=build, packages=_PACKAGES)


_PACKAGES: Final = {f"package-{number}": f"1.{number}.0" for number in range(30)}


def _era(era: int) -> dict[str, Observation]:
    """Return the observations of five releases in a row."""
    frames = tuple(
        Frame(file=f"torch/jit/_{number}.py", line=era * 100 + number, function=f"f{number}") for number in range(12)
    )
    failing = raised(f"Failure {era}: aren't supported in this place of the program.", frames=frames)
    fine = returned(("builtins.FutureWarning", f"`torch.jit` is deprecated since {era}."), phase="tracing")
    return {name: failing if number < len(NAMES) // 2 else fine for number, name in enumerate(NAMES)}
