"""Merge folders of records from many machines into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.results import merging, records, strangers
from scripts.results.merging import Merged


def merge_folders(folders: Sequence[Path], output: Path) -> Merged:
    """Merge the records below ``folders`` into ``output``, together with those that it already holds."""
    files, unreadable = strangers.read(folders)
    mine, unreadable_here = strangers.read([output] if output.is_dir() else [])
    merged = merging.merge(files, here=mine)
    for path, text in merged.files():
        target = output / path
        if not target.is_file() or target.read_text("utf-8") != text:
            records.write_atomically(target, text)
    refused = (*unreadable, *unreadable_here, *merged.refused)
    return Merged(records=merged.records, conflicts=merged.conflicts, refused=refused)
