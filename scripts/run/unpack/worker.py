"""``python -m scripts.run.unpack.worker``: download and unpack wheels into the store.

Reads a wheel from each line of standard input, and answers with a line for the log. A wheel that cannot be unpacked is
left to uv.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile
from scripts.run.unpack import store, unsupported, unzip
from scripts.run.unpack.placeholders import PlaceholderRules
from scripts.run.unpack.unsupported import UnsupportedWheelError


def main() -> None:
    """Answer until the input ends."""
    with Web() as web:
        for line in sys.stdin:
            print(" ".join(_unpack_or_explain(web, json.loads(line)).split()), flush=True)


def _unpack_or_explain(web: Web, wheel: dict[str, Any]) -> str:
    """Unpack a wheel. Return a line for the log: seconds and skipped files, or why the wheel is left to uv."""
    began = time.monotonic()
    try:
        skipped = _unpack(web, wheel)
    except (WebError, OSError, UnsupportedWheelError) as error:
        return f"left to uv: {error}"
    except Exception as error:  # noqa: BLE001 - uv may manage, or explains better what is wrong
        return f"left to uv: {wheel['filename']}: {error!r}"
    size = sum(file.size for file in skipped)
    note = f", {len(skipped)} placeholders for {size:,} bytes" if skipped else ""
    return f"{wheel['filename']}: {time.monotonic() - began:.1f} s{note}"


def _unpack(web: Web, wheel: dict[str, Any]) -> list[unzip.PackedFile]:
    """Add a wheel to the store. Return the files that get placeholders."""
    folder = Path(wheel["folder"])
    rules = PlaceholderRules(patterns=tuple(wheel["patterns"]), needed=frozenset(wheel["needed"]))
    remote = WheelFile(filename=wheel["filename"], url=wheel["url"], sha256=wheel["sha256"])
    with store.temporary_folder(folder) as (unpacked, files):
        skipped = unzip.unpack(web, remote, files, rules)
        _check_metadata(remote, files)
        store.add(unpacked, folder, skipped)
    return skipped


def _check_metadata(wheel: WheelFile, files: Path) -> None:
    """Raise `UnsupportedWheelError`, with the wheel's name, where the metadata of an unpacked wheel are unusual."""
    try:
        paths = [PurePosixPath(path.relative_to(files).as_posix()) for path in files.glob("*.dist-info/*")]
        info = files / unsupported.check_metadata(paths, wheel.filename.partition("-")[0])
        unsupported.check_record((info / "RECORD").read_bytes())
        store.scripts(files)
    except UnsupportedWheelError as error:
        raise UnsupportedWheelError(f"{wheel.filename}: {error}") from error


if __name__ == "__main__":
    main()
