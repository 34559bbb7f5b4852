"""The benchmark: its figures and tables, how it measures, and the plain noxfiles it compares with."""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.core import environment
from scripts.core.errors import SchemaError, UsageError
from scripts.run.locks import LockedWheel
from tests.bench import command, measure, result, views
from tests.bench.bounds import up_to
from tests.bench.result import BenchResult, Comparison, Download, Figure, Import, Pair, Phase, Scale, Usage
from tests.bench.subjects import PLAIN, Plain, noxfile

CELLS = (Cell(torch="1.9.1", build="default", python="3.9"), Cell(torch="2.5.1", build="default", python="3.11"))


def figure(subject: str, phase: Phase, seconds: float) -> Figure:
    usage = Usage(seconds=seconds, cpu=2 * seconds, moved=3_000_000_000, disk=4_000_000_000)
    return Figure(subject=subject, phase=phase, usage=usage, tests=20, load=0.5)


def bench_result() -> BenchResult:
    subjects: list[tuple[str, Phase, float]] = [
        *(("project", "cold", 50.0), ("project", "warm", 8.0), ("project", "nothing to do", 0.5)),
        *(("pip", "cold", 250.0), ("pip", "warm", 200.0), ("pip", "nothing to do", 20.0)),
    ]
    return BenchResult(
        date="2026-11-24T21:42:00+00:00",
        command="python -m tests.bench",
        machine="Linux, 2 cores",
        cores=2,
        cells=tuple(cell.id for cell in CELLS),
        wheels=8_000_000_000,
        figures=tuple(figure(*measurement) for measurement in subjects),
        downloads=(
            Download(streams=1, bytes=10**9, seconds=10.0),
            Download(streams=4, bytes=10**9, seconds=5.0),
        ),
        imports=(Import(cell=CELLS[0].id, first=2.0, again=1.0),),
        scales=(Scale(cells=100, seconds=20.0, cpu=30.0, idle=0.5), Scale(cells=1000, seconds=210, cpu=330, idle=1.5)),
    )


def test_ratios_are_relative_to_the_project() -> None:
    assert (bench_result().ratio("pip", "cold"), bench_result().ratio("pip", "warm")) == (5.0, 25.0)
    assert bench_result().ratio("uv", "cold") is None


def test_growth_compares_a_cell_s_cost_in_the_largest_and_smallest_runs() -> None:
    assert bench_result().growth == pytest.approx(1.1)
    assert bench_result().model_copy(update={"scales": bench_result().scales[:1]}).growth is None


def usage(seconds: float, cpu: float) -> Usage:
    return Usage(seconds=seconds, cpu=cpu, moved=0, disk=0)


def test_the_share_of_cores_and_the_ideal_time() -> None:
    measured = bench_result()
    assert measured.busy(usage(10, 15)) == 0.75
    assert measured.ideal(usage(10, 15)) == 7.5
    assert measured.busy(usage(0, 0)) == 0


def test_a_comparison_is_the_median_of_pairs() -> None:
    times = [(30.0, 20.0), (90.0, 30.0), (20.0, 20.0)]
    pairs = tuple(Pair(before=usage(before, 60), now=usage(now, 40)) for before, now in times)
    compared = Comparison(commit="f" * 40, pairs=pairs)
    assert (compared.ratio, compared.cpu_ratio) == (1.5, 1.5)
    lines = views.markdown(bench_result().model_copy(update={"comparison": compared})).splitlines()
    assert "| ffffffffffff | 30.0 s | 60.0 s | 100% | 30.0 s | 0B | 0B |" in lines
    assert "| now | 20.0 s | 40.0 s | 100% | 20.0 s | 0B | 0B |" in lines
    assert "| 1.50 x | 1.50 x |" in lines


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = result.write(bench_result(), tmp_path)
    assert path.name == "2026-11-24T214200+0000.json"
    assert result.FORMAT.read(path) == bench_result()


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"schema": 2}'])
def test_an_invalid_result_is_refused_by_its_file_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(SchemaError, match=r"bad\.json: invalid benchmark result"):
        result.FORMAT.read(path)
    with pytest.raises(SchemaError, match="cannot be read"):
        result.FORMAT.read(tmp_path / "none.json")


def test_markdown() -> None:
    lines = views.markdown(bench_result()).splitlines()
    assert "| project | cold | 50.0 s |  | 100.0 s | 100% | 50.0 s | 3.0GB | 4.0GB |" in lines
    assert "| pip | cold | 250.0 s | 5.0 x | 500.0 s | 100% | 250.0 s | 3.0GB | 4.0GB |" in lines
    assert "| download, 4 streams | 200.0MB/s | 40 s |" in lines
    assert "| 1,000 | 210.0 s | 0.33 s | 1.5 s |" in lines
    assert "- 2026-11-24T21:42:00+00:00, Linux, 2 cores" in lines


def test_the_terminal_needs_80_columns_and_no_colour() -> None:
    console = Console(width=80, color_system=None, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(views.terminal(bench_result()))
    text = console.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "250.0 s" in text
    assert "5.0 x" in text


# --- measuring ----------------------------------------------------------------------------------------------------


def test_a_hard_link_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_bytes(os.urandom(1 << 20))
    before = measure.disk_usage(tmp_path)
    assert before >= 1 << 20
    os.link(file, tmp_path / "link")
    assert measure.disk_usage(tmp_path) == before


def test_the_peak_remains_after_files_are_removed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(1 << 20))
    usage = measure.disk_usage(tmp_path)
    with measure.PeakDisk(tmp_path) as disk:
        while not disk.peak:  # until the first measurement
            pass
        file.unlink()
    assert disk.peak == usage


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the CPU time of children")
def test_cpu_time_of_grandchildren_counts(tmp_path: Path) -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    measured = measure.measure(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment.tool(),
        folder=tmp_path,
        log=tmp_path / "log",
        timeout=60,
    )
    assert measured.finished.ok
    assert measured.usage.cpu >= 0.3


def test_downloads_end_at_the_limit() -> None:
    files = {"https://x/a": 25, "https://x/b": 7, "file:///here/c": 50}
    wheels = [LockedWheel(name="x", version="1", url=url, sha256="1", size=size) for url, size in files.items()]
    assert [wheel.size for wheel in up_to(wheels, 100)] == [25, 7]
    assert [wheel.size for wheel in up_to(wheels, 25)] == [25]
    assert [wheel.size for wheel in up_to(wheels, 26)] == [25, 7]


# --- the plain noxfiles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", PLAIN, ids=lambda plain: plain.name)
def test_a_plain_noxfile_installs_the_packages_of_a_cell(plain: Plain, tmp_path: Path) -> None:
    """It installs the same torch, pins and pytest on the same Python, and runs the same tests."""
    path = tmp_path / "noxfile.py"
    path.write_text(noxfile(plain, CELLS, matrix_toml.load(), tmp_path))
    assert _cells_in(path) == {
        "1.9.1": ["3.9", ["numpy<2", "pytest>=7,<10"]],
        "2.5.1": ["3.11", ["numpy", "pytest>=7,<10"]],
    }
    listing = [sys.executable, "-m", "nox", "-f", str(path), "--list", "--json"]
    done = subprocess.run(listing, capture_output=True, text=True, check=True, cwd=tmp_path)
    sessions = [(session["session"], session["python"]) for session in json.loads(done.stdout)]
    assert sessions == [("tests(1.9.1)", "3.9"), ("tests(2.5.1)", "3.11")]


def _cells_in(noxfile: Path) -> object:
    lines = ast.parse(noxfile.read_text()).body
    return next(ast.literal_eval(line.value) for line in lines if isinstance(line, ast.Assign))


# --- the command --------------------------------------------------------------------------------------------------


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_default_plan() -> None:
    plan = command.plan(matrix_toml.load(), parsed())
    assert [cell.id for cell in plan.cells] == [
        *("1.9.1-default-py3.9", "1.13.1-default-py3.11", "2.5.1-default-py3.11", "2.15.0-default-py3.11")
    ]
    assert (plan.subjects, plan.scales) == (("pip", "uv", "uv -j2"), (100, 1000))


def test_options_narrow_the_plan_and_are_in_its_command() -> None:
    plan = command.plan(matrix_toml.load(), parsed("2.5.1", "--against", "uv -j2", "--scale", "0"))
    assert ([cell.torch for cell in plan.cells], plan.subjects, plan.scales) == (["2.5.1"], ("uv -j2",), ())
    assert plan.command == "python -m tests.bench 2.5.1 --against 'uv -j2' --scale 0"
    assert command.plan(matrix_toml.load(), parsed("--only-scale")).cells == ()
    compared = command.plan(matrix_toml.load(), parsed("--compare-commit", "HEAD~3", "--default-selection"))
    assert (compared.commit, compared.rounds, len(compared.cells) > 20) == ("HEAD~3", 3, True)
    assert compared.command == "python -m tests.bench --compare-commit 'HEAD~3' --rounds 3 --default-selection"


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(UsageError, match=r"not a release of matrix\.toml: '9\.9'"):
        command.plan(matrix_toml.load(), parsed("9.9"))


def test_a_result_can_be_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = result.write(bench_result(), tmp_path)
    assert command.run(parsed("--show", str(path), "--format", "json")) == 0
    assert BenchResult.model_validate_json(capsys.readouterr().out) == bench_result()
    assert command.run(parsed("--show", str(path), "--format", "markdown")) == 0
    assert capsys.readouterr().out == views.markdown(bench_result())
