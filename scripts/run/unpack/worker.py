"""``python -m scripts.run.unpack.worker JOB``: download and unpack wheels, some at once.

Its only result is what lies on the shelf afterwards. A wheel that can't be had is told of and left out.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile
from scripts.run.unpack import oddities, store, unzip
from scripts.run.unpack.holding import Hold


def main(job: Path) -> None:
    """Do a job that `shelf.fetch` has written."""
    wanted: dict[str, Any] = json.loads(job.read_bytes())

    hold = Hold(patterns=tuple(wanted["patterns"]), needed=frozenset(wanted["needed"]))

    def get(wheel: dict[str, str]) -> str:
        began = time.monotonic()
        try:
            said = _unpack(web, wheel, hold)
        except (WebError, OSError, oddities.OddError) as error:
            return f"left to uv: {error}"
        except Exception as error:  # noqa: BLE001 - uv can have it all the same, or says better what is wrong
            return f"left to uv: {wheel['filename']}: {error!r}"
        return f"{wheel['filename']}: {time.monotonic() - began:.1f} s{said}"

    with Web() as web, ThreadPoolExecutor(wanted["streams"]) as pool:
        for line in pool.map(get, wanted["wheels"]):
            print(line, flush=True)


def _unpack(web: Web, wheel: dict[str, str], hold: Hold) -> str:
    """Put one wheel on the shelf, and say what was held back."""
    folder = Path(wheel["folder"])
    remote = WheelFile(filename=wheel["filename"], url=wheel["url"], sha256=wheel["sha256"])
    with store.making(folder) as (unpacked, files):
        held = unzip.unpack(web, remote, files, hold)
        _check(remote, files)
        store.put(unpacked, folder, held)
    return f", {len(held)} files of {sum(file.size for file in held):,} bytes held back" if held else ""


def _check(wheel: WheelFile, files: Path) -> None:
    """Refuse an unpacked wheel whose metadata is odd. Raises `OddError`, which names the wheel."""
    try:
        paths = [PurePosixPath(path.relative_to(files).as_posix()) for path in files.glob("*.dist-info/*")]
        info = files / oddities.info_folder(paths, wheel.filename.partition("-")[0])
        oddities.check_record((info / "RECORD").read_bytes())
        store.scripts(files)
    except oddities.OddError as error:
        raise oddities.OddError(f"{wheel.filename} has {error}") from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
