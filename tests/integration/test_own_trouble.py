"""One cell's trouble stays its own: whatever goes wrong in one, wherever, the others are recorded."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.torches import build_torch

#: An exception is injected into each of these places, each in a cell of its own; and what that costs the cell.
STAGES: Final = {
    "scripts.run.interpreters:find_or_download": "internal",
    "scripts.run.resolution:resolve": "internal",
    "scripts.run.disk_budget:DiskBudget.missing": "internal",
    "scripts.run.context:RunContext.record_of_same_lock": "internal",
    "scripts.run.disk_budget:DiskBudget.reserved": "internal",
    "scripts.run.environments:create": "internal",
    "scripts.run.installation:install": "internal",
    "scripts.run.unpack.fast_path:watched": "internal",
    "scripts.run.shared_files:SharedFiles.note": "internal",
    "scripts.run.pytest_runs:run": "internal",
    "scripts.run.recording:recorded": "internal",
    "scripts.records.store:Store.save": "internal",
    "scripts.run.disk_budget:DiskBudget.expect": "nothing",
    "scripts.run.packages:sizes": "nothing",
    "scripts.run.disk_budget:DiskBudget.installed": "nothing",
    "scripts.run.disk_budget:DiskBudget.compiled": "nothing",
    "scripts.run.unpack.bytecode:Bytecode.restore": "nothing",
    "scripts.run.unpack.bytecode:Bytecode.save": "nothing",
    "scripts.run.environments:remove": "nothing",
    "scripts.views.progress:Display.__call__": "nothing",
}

DRIVER = """
import functools, importlib, json, sys, threading
from scripts import cli
from scripts.run.cell import CellRun

class Here(threading.local):
    cell, made = None, False

here = Here()

def inject(place, cell):
    module, _, path = place.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real = getattr(owner, name)

    @functools.wraps(real)
    def failing(*args, **kwargs):
        # `remove` is called before an environment is made, too.
        if here.cell == cell and (name != "remove" or here.made):
            here.cell = None  # once
            raise ZeroDivisionError("injected \\udcff")
        here.made = here.made or name == "install"
        return real(*args, **kwargs)

    setattr(owner, name, failing)

def record(self, real=CellRun.record):
    here.cell, here.made = self.cell.id, False
    return real(self)

CellRun.record = record
for place, cell in json.loads(sys.argv[1]).items():
    inject(place, cell)
sys.exit(cli.main(["run", "--jobs", "2"]))
"""


def test_an_exception_at_any_stage_costs_at_most_its_cell(index: LocalIndex, project: MakeProject) -> None:
    releases = [f"2.{minor}.0" for minor in range(len(STAGES) + 1)]
    index.add(*(build_torch(release) for release in releases), channel="cpu")
    copy = project(*releases)
    (copy.root / "driver.py").write_text(DRIVER, encoding="utf-8")
    places = {place: cell(release) for place, release in zip(STAGES, releases, strict=False)}
    done = copy.run([sys.executable, "driver.py", json.dumps(places)], env={"PYTHONPATH": "."}, timeout=300)
    assert done.code == 3, done.output
    assert "Traceback" not in done.output
    records = copy.records()
    assert records[cell(releases[-1])]["status"] == "recorded"
    for place, name in places.items():
        record, log = records[name], (copy.state / "logs" / f"{name}.log").read_text()
        if STAGES[place] == "nothing":
            assert record["status"] == "recorded", place
        else:
            reason = record["reason"]
            expected = ("error", "internal", "ZeroDivisionError")
            assert (record["status"], reason["stage"], reason["kind"]) == expected, place
            assert reason["message"] == "injected \\udcff"
        assert "Traceback" in log, place
        assert "ZeroDivisionError: injected" in log, place

    again = copy.scripts("run", timeout=300)
    assert again.code in {0, 1}, again.output
    assert {record["status"] for record in copy.records().values()} == {"recorded"}
    assert not list((copy.state / "envs").iterdir())


def test_a_state_folder_that_can_not_be_written_is_named(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    state = copy.root / ".matrix"
    shutil.rmtree(state)
    state.write_text("no folder")
    done = copy.scripts("run")
    assert done.code == 3, done.output
    assert f"{state}: can't be written" in done.stderr
    assert "Traceback" not in done.output


def test_results_that_can_not_be_written_are_named(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    assert copy.scripts("run").code == 0
    Path(copy.root / "results").write_text("no folder")
    done = copy.scripts("accept")
    assert done.code in {2, 3}, done.output
    assert str(copy.root / "results") in done.stderr
    assert "Traceback" not in done.output
