"""The whole output of each format against golden files, for real results and for synthetic ones with all special cases.

After an intended change of a view, update the files and review the diff:
``nox -s tests -- tests/unit/views/test_golden.py --update-golden``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.core.console import make_console
from scripts.history.build import build_report
from scripts.history.report import Report, to_json
from scripts.records import drift
from scripts.records.model import Frame, Record
from scripts.records.store import Store
from scripts.views import junit, markdown, page, report_files, svg, terminal
from tests.support.records import blocked, fresh, raised, record, returned, unavailable

MATRIX: Final = matrix_toml.load()
HERE: Final = Path(__file__).parent
ORDER: Final = ("test_trace.py", "test_script.py")
FUTURE: Final = ("builtins.FutureWarning", "`torch.jit.script` is deprecated. Please switch to `torch.export`.")


def real() -> Report:
    """Return a report of the accepted cells around the known changes."""
    records = Store(HERE.parent / "data" / "results").read(Record)
    return build_report(records, known=MATRIX.releases, order=ORDER)


def synthetic() -> Report:
    """Return a report with flips, gaps, disagreements, a confounded change, drift, and new and unrecorded cells."""
    frames = (Frame(file="torch/jit/frontend.py", line=330, function="__call__"),)
    fine = {"trace": returned(), "script": returned(), "scripted-call": returned()}
    warning = {**fine, "script": returned(FUTURE)}
    broken = {
        "trace": returned(),
        "script": raised(
            "GeneratorExp aren't supported:", exception="torch.jit.frontend.UnsupportedNodeError", frames=frames
        ),
        "scripted-call": blocked("script"),
    }
    accepted = [
        record("1.9.0", broken, python="3.8"),
        record("1.10.0", fine, python="3.9"),
        record("1.11.0", broken, python="3.9"),
        record("1.12.0", fine, python="3.9"),
        record("1.12.0", warning, python="3.9", build="cu116"),
        record("1.13.1", fine, python="3.9"),
        record("1.13.1", warning, python="3.9", build="cu116"),
        record("1.13.1", broken, python="3.9", platform="macos-arm64"),
    ]
    now = [
        fresh(record("1.13.1", warning, python="3.9")),
        fresh(record("1.13.1", warning, python="3.11")),
        fresh(unavailable("2.0.0", message="no wheel for Python 3.11 | \x1b[31m<b>"), requested="2.0.0-cpu-py3.11"),
    ]
    known = ["1.9.0", "1.9.1", "1.10.0", "1.11.0", "1.12.0", "1.12.1", "1.13.0", "1.13.1", "2.0.0"]
    records = report_files.merged(accepted, now)
    return build_report(records, known=known, compared=drift.compare(now, accepted))


def compared_releases(report: Report) -> tuple[str, str]:
    """Return two releases to compare."""
    return report.releases[0], report.releases[-2]


def on_terminal(width: int, show: Callable[..., None]) -> Callable[[Report], str]:
    def render(report: Report) -> str:
        screen = make_console(width=width, no_color=True)
        with screen.capture() as captured:
            show(report, screen)
        return captured.get()

    return render


FORMATS: Final[dict[str, Callable[[Report], str]]] = {
    "terminal-80.txt": on_terminal(80, terminal.show),
    "terminal-120.txt": on_terminal(120, terminal.show),
    "terminal-all.txt": on_terminal(
        80, lambda report, screen: terminal.show(report, screen, every_name=True, every_cell=True)
    ),
    "terminal-compare.txt": on_terminal(
        100, lambda report, screen: terminal.show_comparison(report, compared_releases(report), screen)
    ),
    "terminal-timings.txt": on_terminal(80, terminal.show_timings),
    "markdown.md": markdown.summary,
    "markdown-all.md": lambda report: markdown.summary(report, every_name=True, every_cell=True),
    "markdown-compare.md": lambda report: markdown.comparison(report, *compared_releases(report)),
    "results.md": lambda report: markdown.results_page(report, picture="matrix.svg"),
    "matrix.svg": svg.render,
    "report.json": to_json,
    "junit.xml": junit.render,
    # Only the data of the page; tests/integration/test_page.py tests the page in a browser.
    "page.json": lambda report: json.dumps(page.data(report), indent=1, ensure_ascii=False) + "\n",
}


@pytest.mark.parametrize("make", [real, synthetic], ids=["real", "synthetic"])
@pytest.mark.parametrize("name", FORMATS)
def test_golden(make: Callable[[], Report], name: str, request: pytest.FixtureRequest) -> None:
    golden = HERE / "golden" / make.__name__ / name
    text = FORMATS[name](make())
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, "utf-8", newline="\n")
    assert text == golden.read_text("utf-8"), "if the change is intended, run with --update-golden and review the diff"


def test_the_page_and_the_picture_beside_the_results_are_current() -> None:
    suite = suites.named(MATRIX)
    shown = report_files.report(MATRIX, suite, report_files.accepted(suite))
    for name, text in report_files.results_texts(shown).items():
        assert (suite.paths.results / name).read_text("utf-8") == text, "run `nox -s accept` to render them again"


def test_the_report_of_the_accepted_results_has_the_known_changes_and_none_is_confounded() -> None:
    suite = suites.named(MATRIX)
    shown = report_files.report(MATRIX, suite, report_files.accepted(suite))
    changes = {(change.name.rpartition("::")[2], change.before, change.after, change.kind) for change in shown.changes}
    # From the releases' own tests: 3 releases changed scripting or tracing, and 2 brought deprecations.
    expected = {
        ("trace", "1.9.1", "1.10.0", "warning gone"),
        ("trace-while-caching", "1.9.1", "1.10.0", "different failure"),
        ("script", "1.9.1", "1.10.0", "different failure"),
        ("script-while-caching", "1.9.1", "1.10.0", "different failure"),
        ("test_traceable", "1.9.1", "1.10.0", "fixed"),
        ("test_scriptable", "1.9.1", "1.10.0", "different failure"),
        ("script", "1.12.1", "1.13.0", "fixed"),
        ("script-while-caching", "1.12.1", "1.13.0", "fixed"),
        ("scripted-call", "1.12.1", "1.13.0", "now reached"),
        ("scripted-call-under-cached", "1.12.1", "1.13.0", "now reached"),
        ("test_scriptable", "1.12.1", "1.13.0", "known defect"),
        *((name, "2.9.1", "2.10.0", "warning added") for name in WARNING),
        *((name, "2.13.0", "2.14.0", "warning changed") for name in WARNING),
    }
    assert expected <= changes
    assert {change.blamed for change in shown.changes} == {"torch"}


WARNING: Final = ("trace", "trace-while-caching", "test_traceable", "script", "script-while-caching", "test_scriptable")
