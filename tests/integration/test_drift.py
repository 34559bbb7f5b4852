"""Drift against the accepted results, acceptance, and the exit codes of a run."""

from __future__ import annotations

import re

import pytest

from tests.integration.conftest import MakeProject
from tests.support.behaviour import Act, Behaviour, Observation, crashes, hangs, raises, returns, warns
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch

OLD, NEW = cell("1.12.1"), cell("2.5.1")


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """A project whose two cells are recorded and accepted."""
    index.add(build_torch("1.12.1"), build_torch("2.5.1"), channel="cpu")
    copy = project("1.12.1", "2.5.1")
    assert copy.scripts("run").code == 0
    assert copy.scripts("accept").code == 0
    return copy


def serve(index: LocalIndex, behaviour: Behaviour) -> None:
    """Have the newer release behave otherwise from now on."""
    index.remove(build_torch("2.5.1"), channel="cpu")
    index.add(build_torch("2.5.1", behaviour=behaviour), channel="cpu")


# --- acceptance -------------------------------------------------------------------------------------------------------


def test_a_record_without_accepted_result_is_new_and_no_drift(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    done = copy.scripts("run")
    assert done.code == 0
    assert "1 cell is new" in done.stdout
    assert "Drift" not in done.stdout
    assert copy.results() == {}


def test_accepted_results_are_the_stable_part_of_records(copy: Project) -> None:
    records = copy.records()
    assert copy.results() == {id: {k: v for k, v in record.items() if k != "run"} for id, record in records.items()}  # noqa: A001
    texts = {path: path.read_bytes() for path in (copy.root / "results").rglob("*.*")}
    assert copy.nox("-s", "matrix", "--", "--fresh").code == 0
    assert copy.nox("-s", "accept").code == 0
    assert {path: path.read_bytes() for path in texts} == texts


def test_a_second_run_finds_no_drift(copy: Project) -> None:
    done = copy.scripts("run")
    assert done.code == 0
    assert "Drift" not in done.stdout
    assert "new" not in done.stdout


def test_drift_is_reported_until_it_is_accepted(index: LocalIndex, copy: Project) -> None:
    serve(index, Behaviour(observations={"scripted-call": returns()}))
    drifted = copy.scripts("run", "--fresh")
    assert drifted.code == 1
    assert "Drift against results/" in drifted.stdout
    assert f"{NEW} scripted-call: fixed: torch.jit.Error" in drifted.stdout
    assert OLD not in drifted.stdout.partition("Drift against results/")[2]
    assert copy.scripts("run").code == 1
    assert copy.nox("-s", "matrix").code == 1

    accepted = copy.nox("-s", "accept", "--", NEW)
    assert accepted.code == 0
    assert "0 new, 1 changed, 0 same" in accepted.stdout
    assert copy.results()[NEW]["observations"]["scripted-call"] == copy.records()[NEW]["observations"]["scripted-call"]
    assert copy.scripts("run").code == 0


@pytest.mark.parametrize(
    ("name", "act", "said"),
    [
        ("script", raises("ValueError", "no"), "broken: returned → ValueError 'no'"),
        ("script", crashes(), "broken: returned → crashed"),
        ("traced-call", hangs(), "broken: returned → timed-out"),
        ("trace", warns("FutureWarning", "soon"), "warning added: no warning → FutureWarning 'soon'"),
        ("scripted-call", raises("torch.jit.Error", "never"), "different failure: torch.jit.Error 'Parametrization is"),
    ],
    ids=["broken", "crash", "hang", "warning", "failure"],
)
def test_every_kind_of_drift_is_exit_code_1(
    index: LocalIndex, copy: Project, name: Observation, act: Act, said: str
) -> None:
    serve(index, Behaviour(observations={name: act}))
    copy.write_matrix((copy.root / "matrix.toml").read_text().replace("[limits]", "[limits]\nprobe = 5"))
    done = copy.scripts("run", "--fresh", NEW)
    assert done.code == 1
    told = " ".join(done.stdout.partition("Drift against results/")[2].split())
    assert re.search(rf"{re.escape(NEW)} {name}(, [^:]+)?: {re.escape(said)}", told), told


def test_a_torch_that_no_longer_imports_is_drift(index: LocalIndex, copy: Project) -> None:
    serve(index, Behaviour(on_import=crashes()))
    done = copy.scripts("run", "--fresh")
    assert done.code == 1
    assert "crashed by SIGSEGV" in done.stdout.partition("Drift against results/")[2]


def test_the_same_behaviour_of_another_wheel_is_no_drift(index: LocalIndex, copy: Project) -> None:
    serve(index, Behaviour(gpu="a GPU that is not looked at"))
    done = copy.scripts("run", "--fresh")
    assert done.code == 0, done.output
    assert "Drift" not in done.stdout


def test_an_unavailable_cell_is_neither_drift_nor_accepted(index: LocalIndex, copy: Project) -> None:
    before = copy.results()
    index.remove(build_torch("2.5.1"), channel="cpu")
    done = copy.scripts("run", "--fresh")
    assert done.code == 0
    assert "no such release" in done.stdout
    assert "Drift" not in done.stdout
    assert copy.scripts("accept").code == 0
    assert copy.results() == before


def test_nothing_to_accept(index: LocalIndex, project: MakeProject) -> None:
    copy = project("2.5.1")
    done = copy.scripts("accept")
    assert done.code == 2
    assert "`nox -s matrix` makes some" in done.stderr
    assert copy.scripts("accept", NEW).code == 2


# --- exit codes -------------------------------------------------------------------------------------------------------


def test_one_recorded_cell_is_enough(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("1.12.1", "2.5.1")
    done = copy.scripts("run")
    assert done.code == 0
    assert "no such release" in done.stdout


def test_none_recorded_is_exit_code_4(index: LocalIndex, project: MakeProject) -> None:
    copy = project("1.12.1", "2.5.1")
    with index.down():
        assert copy.scripts("run").code == 4
        assert copy.nox("-s", "matrix").code == 1


def test_a_failure_that_is_not_torchs_is_exit_code_3(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("1.12.1"), channel="cpu")
    index.add(build_torch("2.5.1"), channel="cpu", sha256="0" * 64)
    copy = project("1.12.1", "2.5.1")
    done = copy.scripts("run")
    assert done.code == 3
    assert "hash mismatch" in done.stdout
    assert copy.records()[OLD]["status"] == "recorded"


def test_an_uncollectable_suite_is_never_exit_code_0(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    for file in copy.suite.glob("test_*.py"):
        file.write_text("import nonsense\n")
    codes = [copy.scripts("run").code, copy.scripts("run").code]  # the second takes the record that is there
    assert codes == [3, 3]
    assert "collection failed" in copy.scripts("run").stdout


def test_a_folder_without_tests_is_exit_code_3(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    for file in copy.suite.glob("test_*.py"):
        file.unlink()
    done = copy.scripts("run")
    assert done.code == 3
    assert "no probes" in done.stdout


def test_a_bad_matrix_is_exit_code_2(project: MakeProject) -> None:
    copy = project("2.5.1")
    copy.write_matrix("schema = 1\n")
    done = copy.scripts("run")
    assert done.code == 2
    assert "releases: this key is required" in done.stderr


def test_an_unreadable_accepted_result_is_named(copy: Project) -> None:
    (result,) = (copy.root / "results").glob(f"*/*/{OLD}.json")
    result.write_text('{"schema": 99}')
    done = copy.scripts("run")
    assert done.code == 2
    assert f"{OLD}.json: invalid record: unknown schema 99; this version reads schema 2" in done.stderr


def test_logs_go_to_stderr_and_results_to_stdout(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None))
    copy = project("2.5.1")
    index.fail("cpu", Fault.status(503))
    done = copy.scripts("run")
    assert "unreachable" in done.stderr
    assert f"[1/1] {NEW}" in done.stderr
    assert "✓" in done.stdout
    assert "✓" not in done.stderr
