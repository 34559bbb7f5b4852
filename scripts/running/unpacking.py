"""``python -m scripts.running.unpacking JOB``: download and unpack wheels, some at once.

Its only result is what lies on the shelf afterwards. A wheel that can't be had is told of and left out.
"""

from __future__ import annotations

import fnmatch
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from scripts.running import shelf
from scripts.sources import unzipping
from scripts.sources.web import Web, WebError
from scripts.sources.wheelfiles import WheelFile

#: A file of fewer bytes isn't worth a placeholder.
_LEAST: Final = 1 << 18


def main(job: Path) -> None:
    """Do a job that `shelf.fetch` has written."""
    wanted: dict[str, Any] = json.loads(job.read_bytes())

    def hold(path: str, size: int) -> bool:
        return size >= _LEAST and any(fnmatch.fnmatchcase(path, pattern) for pattern in wanted["hold"])

    def get(wheel: dict[str, str]) -> str:
        began = time.monotonic()
        try:
            said = _unpack(web, wheel, hold)
        except (WebError, OSError) as error:
            return f"left to uv: {error}"
        return f"{wheel['filename']}: {time.monotonic() - began:.1f} s{said}"

    with Web() as web, ThreadPoolExecutor(wanted["streams"]) as pool:
        for line in pool.map(get, wanted["wheels"]):
            print(line, flush=True)


def _unpack(web: Web, wheel: dict[str, str], hold: unzipping.Hold) -> str:
    """Put one wheel on the shelf, and say what was held back."""
    folder = Path(wheel["folder"])
    remote = WheelFile(filename=wheel["filename"], url=wheel["url"], sha256=wheel["sha256"])
    with shelf.making(folder) as (unpacked, files):
        held = unzipping.unpack(web, remote, files, hold)
        shelf.put(unpacked, folder, held)
    return f", {len(held)} files of {sum(file.size for file in held):,} bytes held back" if held else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
