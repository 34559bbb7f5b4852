"""What records show of each observation: by release and axes, and of which releases nothing. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Self

from scripts.matrix import cells
from scripts.matrix.cells import DEFAULT_BUILD
from scripts.results.records import Record
from scripts.results.signature import Signature

#: Signatures that say that nothing was observed.
_NOTHING: Final = frozenset({"skipped"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axes:
    """What a release is tested on: all that could be blamed instead of torch.

    The CUDA wheels of the default index count as one build, ``default``: what ``pip install torch`` gives. Their
    CUDA version follows the release, so no two releases far apart could be compared otherwise.
    """

    platform: str
    build: str
    python: str
    tested: str = dataclasses.field(default="", compare=False)  # the wheel's own build, such as cu117

    @classmethod
    def of(cls, record: Record) -> Self:
        """The axes of a record, by what was really tested."""
        key = record.cell
        from_default = record.wheel is not None and record.wheel.index == DEFAULT_BUILD
        build = DEFAULT_BUILD if from_default and key.build.startswith("cu") else key.build
        return cls(platform=key.platform, build=build, python=key.python, tested=key.build)

    @property
    def sort_key(self) -> tuple[str, str, tuple[int, int, bool]]:
        """By platform, build, Python."""
        return self.platform, self.build, cells.python_key(self.python)

    def __str__(self) -> str:
        return f"{self.build} on Python {self.python}"


#: What was seen of one observation, on one platform, in one release: on each axes its signature.
Seen = Mapping[Axes, Signature]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap:
    """A release of which nothing is known, and why."""

    release: str
    why: str


def observed(
    records: Iterable[Record], read: Callable[[Record], Mapping[str, Signature]]
) -> dict[str, dict[str, dict[Axes, Signature]]]:
    """By name, then release, then axes. Cells that didn't run have nothing to show."""
    found: dict[str, dict[str, dict[Axes, Signature]]] = {}
    for record in sorted(records, key=lambda record: record.cell.cell.sort_key):
        axes = Axes.of(record)
        for name, seen in read(record).items() if record.usable else ():
            if seen.outcome not in _NOTHING:
                found.setdefault(name, {}).setdefault(record.cell.torch, {})[axes] = seen
    return found


def missing(records: Iterable[Record], seen: Mapping[str, Seen], known: Sequence[str]) -> tuple[Gap, ...]:
    """The releases of which a timeline knows nothing, each with the reason that the records give."""
    why = dict.fromkeys(known, "not recorded")
    for record in records:
        if record.usable:
            why.setdefault(record.cell.torch, "not recorded")
            if record.cell.torch not in seen:
                why[record.cell.torch] = "not observed"
        elif record.reason is not None:
            why[record.cell.torch] = f"{record.status}: {record.reason.kind}"
    gaps = [release for release in why if release not in seen]
    return tuple(Gap(release=release, why=why[release]) for release in sorted(gaps, key=cells.version))
