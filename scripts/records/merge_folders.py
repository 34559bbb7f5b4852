"""Merge folders of records from many machines into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.core.files import write_atomically
from scripts.records import merge, untrusted
from scripts.records.merge import Merged


def merge_folders(folders: Sequence[Path], output: Path) -> Merged:
    """Merge the records below ``folders`` into ``output``, together with those that it already holds."""
    files, unreadable = untrusted.read(folders)
    mine, unreadable_here = untrusted.read([output] if output.is_dir() else [])
    merged = merge.merge(files, here=mine)
    for path, text in merged.files():
        target = output / path
        if not target.is_file() or target.read_text("utf-8") != text:
            write_atomically(target, text)
    refused = (*unreadable, *unreadable_here, *merged.refused)
    return Merged(records=merged.records, conflicts=merged.conflicts, refused=refused)
