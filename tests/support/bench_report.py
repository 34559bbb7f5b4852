"""Measure the report of many records, from their files to the page, and the page's filters in a browser.

    python -m tests.support.bench_report [--records 10000] [--tests N] [--browser]

With ``--tests``, the records are of a suite with so many tests: ``--records 150 --tests 5000``. Prints one figure per
line. Limits: 3 s to render 10,000 records; of these, and of 150 records of 5,000 tests, 15 MB and 200 ms for a filter.
"""

from __future__ import annotations

import argparse
import functools
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from scripts.core.garbage import gc_paused
from scripts.history.build import build_report
from scripts.history.report import Report, to_json
from scripts.records.model import Record
from scripts.records.store import Store, dump
from scripts.views import html, junit, markdown, svg
from tests.support.browser import chromium
from tests.support.library import library_records
from tests.support.records import generated_records

T = TypeVar("T")

#: JavaScript: milliseconds from a change of the URL's fragment to the next frame that shows it.
_FILTER = """
fragment => new Promise(done => {
  const start = performance.now();
  const shown = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  addEventListener("hashchange", shown, {once: true});
  location.hash = fragment;
})
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000, metavar="N")
    parser.add_argument("--tests", type=int, metavar="N", help="a suite of N tests")
    parser.add_argument("--browser", action="store_true", help="also measure opening and filtering the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        records = (
            library_records(options.tests, options.records) if options.tests else generated_records(options.records)
        )
        page = _render(Path(folder), records)
        if options.browser:
            _browse(page, SUITE_FILTERS if options.tests else FILTERS)


def _render(folder: Path, generated: Iterable[Record]) -> Path:
    store = Store(folder / "results")
    for record in generated:
        path = store.path(record.cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(record), "utf-8")
    print(f"records: {sum(1 for _ in store.paths())}")
    with gc_paused():
        start = _now()
        records = _timed("read", lambda: store.read(Record))
        report = _timed("report", lambda: build_report(records))
        text = _timed("html", lambda: html.render(report))
        _print_times("all", start)
        for name, render in (
            ("markdown", markdown.summary),
            ("svg", svg.render),
            ("json", to_json),
            ("junit", junit.render),
        ):
            size = len(_timed(name, functools.partial(render, report)))
            print(f"{name}: {size / 1e6:.1f} MB, peak memory of the process so far {_peak():.0f} MB")
    page = folder / "report.html"
    page.write_text(text, "utf-8")
    print(f"page: {page.stat().st_size / 1e6:.1f} MB")
    return page


def _peak() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _now() -> tuple[float, float]:
    """Return wall-clock and CPU time in seconds; on a busy machine, they differ."""
    return time.perf_counter(), time.process_time()


def _print_times(step: str, start: tuple[float, float]) -> None:
    wall, cpu = (now - then for now, then in zip(_now(), start, strict=True))
    print(f"{step}: {wall:.2f} s, CPU time {cpu:.2f} s")


def _timed(step: str, work: Callable[[], T]) -> T:
    start = _now()
    result = work()
    _print_times(step, start)
    return result


FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "markdown": markdown.summary,
    "svg": svg.render,
    "json": to_json,
    "junit": junit.render,
}
FILTERS: Final = (
    "python=3.9",
    "platform=macos-arm64&build=cpu",
    "changes=1",
    "seen=script&changes=1",
    "from=1.5.0",
    "",
)
SUITE_FILTERS: Final = ("python=3.10", "changes=1", "find=behaviour_12", "find=lr", "find=nothing&all=1", "all=1", "")


def _browse(file: Path, filters: Sequence[str]) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        _timed("open", lambda: page.goto(file.as_uri()))
        for fragment in filters:
            print(f"filter #{fragment}: {page.evaluate(_FILTER, fragment):.0f} ms")


if __name__ == "__main__":
    main()
