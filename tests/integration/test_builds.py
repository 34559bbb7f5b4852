"""The source of a cell's torch: indexes, fallbacks and settings; records name what was really tested."""

from __future__ import annotations

import pytest

from tests.integration.conftest import MakeProject
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.torches import build_nightlies, build_torch
from tests.support.wheels import build_package


def test_each_build_comes_from_its_own_index_with_its_label(index: LocalIndex, project: MakeProject) -> None:
    cpu, cuda = build_torch("2.5.1"), build_torch("2.5.1", label="cu124")
    index.add(cpu, channel="cpu")
    index.add(cuda, channel="cu124")
    index.add(build_torch("2.5.1", label=None))
    copy = project("2.5.1", builds={"cpu": "default", "cu124": "default"}, cells=[cell("2.5.1", "cu124")])
    assert copy.nox("-s", "matrix").code == 0
    for wheel, build, cuda_version in ((cpu, "cpu", None), (cuda, "cu124", "12.4")):
        record = copy.records()[cell("2.5.1", build)]
        assert record["cell"]["build"] == build
        assert record["wheel"] == {"filename": wheel.filename, "sha256": wheel.sha256, "index": build}
        assert record["torch"]["version"] == f"2.5.1+{build}"
        assert record["torch"].get("cuda") == cuda_version


def test_companions_come_from_the_index_of_torch(index: LocalIndex, project: MakeProject) -> None:
    """Each index has both kinds of wheels, and one lacks a companion; a package requires another companion."""
    index.add(build_torch("2.5.1", label=None, cuda="12.4"), build_torch("2.5.1", label="cpu"))
    for version in ("0.20.1", "0.21.0", "0.20.1+cpu"):
        index.add(build_package("torchvision", version))
    index.add(build_package("torchaudio", "2.5.1"), build_package("lib", "1", requires=["torchaudio>=2"]))
    for build in ("cpu", "cu124"):
        index.add(build_torch("2.5.1", label=build), channel=build)
        index.add(build_package("torchvision", "0.20.1+cpu"), channel=build)
        index.add(build_package("torchvision", "0.20.1+cu124", requires=["torch==2.5.1"]), channel=build)
    index.add(build_package("torchaudio", "2.5.1+cpu"), channel="cpu")
    cells = [cell("2.5.1", "cu124"), cell("2.5.1", "default")]
    copy = project("2.5.1", builds={"cpu": "default", "cu124": "default"}, cells=cells)
    matrix = (copy.root / "matrix.toml").read_text()
    copy.write_matrix('companions = ["TorchVision", "torchaudio"]\n' + matrix)
    done = copy.scripts("run", "--require=torchvision", "--require=lib")
    records = copy.records()
    for build, vision, audio in (("cpu", "0.20.1+cpu", "2.5.1+cpu"), ("default", "0.21.0", "2.5.1")):
        packages = records[cell("2.5.1", build)]["packages"]
        assert (packages["torchvision"], packages["torchaudio"]) == (vision, audio), done.output
    reason = records[cell("2.5.1", "cu124")]["reason"]
    assert (reason["stage"], reason["kind"]) == ("resolve", "no such requirement")
    expected = "torchaudio comes only from index 'cu124', as torch does ('companions' in matrix.toml)"
    assert reason["message"].endswith(expected)


def test_the_default_build_is_recorded_as_the_build_it_is(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None, cuda="12.4"))
    copy = project("2.5.1", builds={})
    assert copy.nox("-s", "matrix").code == 0
    record = copy.records()[cell("2.5.1", "default")]
    assert (record["cell"]["build"], record["wheel"]["index"]) == ("cu124", "default")
    assert record["torch"]["version"] == "2.5.1+cu124"
    assert "fallback" not in record["run"]


@pytest.mark.parametrize("fault", [Fault.status(503), Fault.drop()], ids=lambda f: f"{f.do}{f.number}")
def test_the_fallback_takes_over_when_an_index_is_down(index: LocalIndex, project: MakeProject, fault: Fault) -> None:
    for release in ("2.4.1", "2.5.1"):
        index.add(build_torch(release), channel="cpu")
        index.add(build_torch(release, label=None, cuda="12.4"))
    index.fail("cpu", fault)
    copy = project("2.4.1", "2.5.1")
    done = copy.nox("-s", "matrix")
    assert done.code == 0, done.output
    assert done.stderr.count("index 'cpu' is unreachable") == 1
    assert 1 < len(index.requests_to("/whl/cpu/*")) < 6  # attempts of one check
    for record in copy.records().values():
        assert record["status"] == "recorded"
        assert (record["cell"]["build"], record["wheel"]["index"]) == ("cu124", "default")
        assert record["run"]["fallback"].startswith("index 'cpu' is unreachable (http://127.0.0.1:")
        assert record["run"]["fallback"].endswith("using 'default'")


def test_two_builds_with_the_same_fallback_are_tested_once(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None))
    index.fail("/whl/*", Fault.drop())
    builds = {"cpu": "default", "cu124": "default"}
    copy = project("2.5.1", builds=builds, cells=[cell("2.5.1", "cu124")])
    assert copy.nox("-s", "matrix", "--", "--jobs=2").code == 0
    first, second = (copy.records()[cell("2.5.1", build)] for build in builds)
    assert first["observations"] == second["observations"] != {}
    assert first["run"]["log"] == second["run"]["log"]
    assert (copy.root / first["run"]["log"]).read_text().count(" passed") == 1
    assert len(index.downloads("*torch*")) == 1


def test_a_refused_connection_is_an_unreachable_index(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1", builds={"cpu": None})
    with index.down():
        copy.nox("-s", "matrix")
    record = copy.records()[cell("2.5.1")]
    assert (record["status"], record["reason"]["kind"]) == ("unavailable", "index unreachable")
    assert "has no fallback" in record["reason"]["message"]


@pytest.mark.parametrize("fault", [None, Fault.status(429), Fault.status(503), Fault.drop()])
def test_the_default_index_unreachable(index: LocalIndex, project: MakeProject, fault: Fault | None) -> None:
    index.add(build_torch("2.5.1", label=None))
    copy = project("2.5.1", builds={})
    if fault is None:
        with index.down():
            copy.nox("-s", "matrix")
    else:
        index.fail("default", fault)
        copy.nox("-s", "matrix")
    reason = copy.records()[cell("2.5.1", "default")]["reason"]
    assert (reason["stage"], reason["kind"]) == ("resolve", "index unreachable")


def test_pips_index_is_honoured(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None))
    copy = project("2.5.1", builds={})
    done = copy.nox("-s", "matrix", env={"UV_DEFAULT_INDEX": None, "PIP_INDEX_URL": index.url()})
    assert done.code == 0, done.output
    assert copy.records()[cell("2.5.1", "default")]["status"] == "recorded"


def test_a_pip_conf_is_honoured(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None))
    copy = project("2.5.1", builds={})
    settings = copy.root.parent / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {index.url()}\n")
    pips = {"UV_DEFAULT_INDEX": None, "PIP_INDEX_URL": None, "PIP_CONFIG_FILE": str(settings)}
    assert copy.nox("-s", "matrix", env=pips).code == 0
    assert copy.records()[cell("2.5.1", "default")]["status"] == "recorded"


def test_a_folder_of_wheels_can_have_the_requested_build(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None, cuda="12.4"))
    index.fail("cpu", Fault.drop())
    copy = project("2.5.1")
    folder = copy.root.parent / "wheels"
    wheel = build_torch("2.5.1")
    wheel.write(folder)
    assert copy.nox("-s", "matrix", env={"PIP_FIND_LINKS": str(folder)}).code == 0
    record = copy.records()[cell("2.5.1")]
    assert (record["cell"]["build"], record["wheel"]["sha256"]) == ("cpu", wheel.sha256)


def test_a_nightly_is_recorded_with_its_hash_although_its_index_lists_none(
    index: LocalIndex, project: MakeProject
) -> None:
    (nightly,) = build_nightlies(1)
    index.add(nightly, channel="nightly/cpu")
    copy = project("2.15.0", builds={"cpu": None})
    matrix = (copy.root / "matrix.toml").read_text()
    copy.write_matrix(matrix.replace(index.url("cpu"), index.url("nightly/cpu")))
    done = copy.nox("-s", "matrix", "--", cell(nightly.version.removesuffix("+cpu")))
    assert done.code == 0, done.output
    (record,) = copy.records().values()
    assert record["status"] == "recorded"
    assert record["wheel"]["sha256"] == nightly.sha256
