"""Print the ledger of public reports: in which releases each is true, from the records of the suite ``capture``.

    python -m tests.support.ledger [--records FOLDER]

The reports, their state upstream and their descriptions are read from the suite; an observation that raised means that
the report is true in that release. The output is Markdown.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.version import Version

from scripts.core import paths
from scripts.core.escaping import code
from scripts.core.paths import SuitePaths
from scripts.records.model import FreshRecord, Record
from scripts.records.store import Store
from scripts.views.naming import range_of

SUITE: Final = paths.ROOT / "tests" / "cells" / "capture"

HELP: Final = "accepted records, or fresh ones: .matrix/capture/records (default: %(default)s)"

#: What an outcome says about a report.
_MEANING: Final = {"raised": "true", "returned": "not true", "skipped": "not applicable", "blocked": "not reached"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reported:
    """An observation of a public report, as the suite declares it."""

    name: str
    number: int
    upstream: str
    description: str


def declared(folder: Path = SUITE) -> list[Reported]:
    """Return the observations of public reports, by number.

    Raises:
        ValueError: a test of a public report has no docstring or names another report.
        KeyError: the state of a report upstream is missing.
    """
    upstream = _upstream(folder / "reports.py")
    found = [
        Reported(name=name, number=number, upstream=upstream[number], description=description)
        for file in sorted(folder.glob("test_reports_*.py"))
        for name, number, description in _observations(file)
    ]
    return sorted(found, key=lambda reported: (reported.number, reported.name))


def _upstream(file: Path) -> Mapping[int, str]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "UPSTREAM" and node.value is not None:
            states: Mapping[int, str] = ast.literal_eval(node.value)
            return states
    raise ValueError(f"{file}: UPSTREAM is missing")


def _observations(file: Path) -> Iterator[tuple[str, int, str]]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        described = re.match(r"pytorch/pytorch#(\d+): (.+)\n\n.+", ast.get_docstring(node) or "")
        names = re.findall(r"""observe\(["'](report/(\d+)-[a-z0-9-]+)["'],""", ast.unparse(node))
        if described is None or [number for _, number in names] != [described[1]]:
            raise ValueError(f"{file.name}: {node.name}: one observation, and a docstring that says the same report")
        yield names[0][0], int(described[1]), described[2]


def history(name: str, records: Iterable[Record]) -> str:
    """Return what the records say of an observation: ``true 1.9.1 – 1.13.1; not true 2.1.2``."""
    ordered = sorted(records, key=lambda record: Version(record.cell.torch))
    outcomes = [
        (record.cell.torch, _MEANING.get(observed.outcome, observed.outcome))
        for record in ordered
        if (observed := record.observations.get(name)) is not None
    ]
    groups = itertools.groupby(dict(outcomes).items(), key=lambda item: item[1])
    return "; ".join(f"{meaning} {range_of([torch for torch, _ in group])}" for meaning, group in groups) or "no record"


def _plain(text: str) -> str:
    """Return a sentence of the suite as it stands in a table."""
    return text.replace("|", "\\|")


def ledger(reported: Iterable[Reported], records: Sequence[Record]) -> Iterator[str]:
    """Yield the lines of the ledger."""
    yield "| report | upstream | says | in these releases |"
    yield "| --- | --- | --- | --- |"
    for one in reported:
        link = f"[#{one.number}](https://github.com/pytorch/pytorch/issues/{one.number})"
        says = f"{code(one.name)}: {_plain(one.description)}"
        yield f"| {link} | {one.upstream} | {says} | {history(one.name, records)} |"


def main() -> None:
    """Print the ledger."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.ledger", description=__doc__)
    parser.add_argument("--records", type=Path, default=SuitePaths.of("capture").results, metavar="FOLDER", help=HELP)
    options = parser.parse_args()
    model = Record if options.records.resolve().is_relative_to(paths.RESULTS) else FreshRecord
    records = [record for record in Store(options.records).read(model) if record.usable]
    print("\n".join(ledger(declared(), records)))


if __name__ == "__main__":
    main()
