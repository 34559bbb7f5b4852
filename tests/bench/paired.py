"""Compare the project with an earlier commit of itself: the same cells from nothing, in pairs of alternating order.

The load of a shared machine changes within minutes by more than a commit changes anything. Two runs that follow each
other meet nearly the same load, and the median of several pairs has less noise than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.config.cell import Cell
from scripts.core import paths, repository
from tests.bench.figures import Notify, figure, make_room
from tests.bench.measure import drop_page_cache
from tests.bench.result import PROJECT, Comparison, Pair, Usage
from tests.bench.subjects import PROJECT_FILES, ProjectSubject, Subject


def compare(ref: str, cells: Sequence[Cell], rounds: int, scratch: Path, notify: Notify) -> Comparison:
    """Measure pairs of cold runs of an earlier commit and of the present files.

    Raises:
        MatrixError: a run failed.
        UsageError: the repository has no such commit.
    """
    commit = repository.commit_of(ref, option="--compare-commit")
    before = scratch / "before"
    repository.export(commit, PROJECT_FILES, before)
    sources = {commit[:12]: before, PROJECT: paths.ROOT}
    measured: list[Subject] = []
    pairs: list[Pair] = []
    for number in range(1, rounds + 1):
        usages: dict[str, Usage] = {}
        for name in sources if number % 2 else reversed(sources):
            subject = ProjectSubject(scratch / f"{name}-{number}", cells, name=name, source=sources[name])
            peak = max((usage.disk for pair in pairs for usage in (pair.before, pair.now)), default=0)
            make_room(scratch, measured, peak, notify)
            drop_page_cache(scratch)
            usages[name] = figure(subject, "cold").usage
            measured.append(subject)
            notify(f"round {number} of {rounds}, {name}: {usages[name].seconds:.1f} s, {usages[name].cpu:.1f} s CPU")
        pairs.append(Pair(before=usages[commit[:12]], now=usages[PROJECT]))
    return Comparison(commit=commit, pairs=tuple(pairs))
