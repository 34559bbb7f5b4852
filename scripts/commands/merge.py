"""Merge the records of many machines into this one's: in any order, and as often as you like.

Of two records of one cell, the one that tells of torch is kept, then the later. Where two tell different things from
the same inputs, both are shown, and the other one is kept in conflicts/ below the output. Files that are no records of
this version, or too large, or links, are refused and named; the others are merged all the same.

Exit code 1: a conflict. 3: something was refused. 4: there was nothing to merge.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts import paths, printable
from scripts.errors import Exit
from scripts.results import merging, records, strangers
from scripts.results.drift import drift_of, status
from scripts.results.merging import Conflict, Merged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, and to where."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of records, searched all through")
    parser.add_argument(
        "--output", type=Path, default=paths.RECORDS, metavar="DIR", help="where to, merged with what is there"
    )


def run(options: argparse.Namespace) -> Exit:
    """Merge, and say what couldn't be."""
    merged = merge(options.folders, options.output)
    for refused in merged.refused:
        print(printable.line(f"refused: {refused.name}: {refused.why}"), file=sys.stderr)
    for conflict in merged.conflicts:
        print(told(conflict))
    print(
        f"{len(merged.records)} records, {len(merged.conflicts)} conflicts, {len(merged.refused)} files refused",
        file=sys.stderr,
    )
    return verdict(merged)


def merge(folders: list[Path], output: Path) -> Merged:
    """Merge folders into ``output``, which may hold records already."""
    there = [output] if output.is_dir() else []
    files, unread = strangers.read([*folders, *there])
    merged = merging.merge(files)
    for path, text in merged.files():
        target = output / path
        if not target.is_file() or target.read_text("utf-8") != text:
            records.write_atomically(target, text)
    return Merged(records=merged.records, conflicts=merged.conflicts, refused=(*unread, *merged.refused))


def verdict(merged: Merged) -> Exit:
    """The exit code; what is worse comes first."""
    if merged.conflicts:
        return Exit.UNEXPECTED
    if merged.refused:
        return Exit.MACHINERY
    return Exit.OK if merged.records else Exit.INCONCLUSIVE


def told(conflict: Conflict) -> str:
    """A conflict with both sides, as text."""
    kept, other = conflict.kept, conflict.other
    lines = [f"conflict: {kept.cell.platform}/{kept.run.asked}"]
    for side, name, record in (("kept", conflict.names[0], kept), ("other", conflict.names[1], other)):
        lines.append(f"  {side + ':':<7}{name} ({record.run.recorded_at}, {status(record)})")
    # Each way: what only one of them observed is a difference too.
    differences = dict.fromkeys(
        [(d.name or "the cell", d.accepted, d.fresh) for d in drift_of(kept, other)]
        + [(d.name or "the cell", d.fresh, d.accepted) for d in drift_of(other, kept)]
    )
    for name, mine, theirs in differences:
        lines += [f"  {name}:", f"    kept:  {mine}", f"    other: {theirs}"]
    return "\n".join(map(printable.line, lines))
