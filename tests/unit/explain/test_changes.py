"""Evidence for two records: read from the index once, then from the cache, and never an exception."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from scripts.config.model import Build
from scripts.core import paths
from scripts.explain.changes import Explainer, Unexplained
from scripts.explain.evidence import Comparison
from scripts.history.build import build_report
from scripts.index.http import Web
from scripts.index.torch_version import Torch
from scripts.records.model import CellKey, Observation, Record, Wheel
from scripts.views import evidence
from tests.support.server import Fault
from tests.support.static import Static

STATIC = Static()
BASE = f"{STATIC.url}/whl/cpu"
PATH = "torch/nn/utils/parametrize.py"
MESSAGE = "Cannot trace a model while caching parametrizations."
BUILDS = {"cpu": Build(releases=">=0", index=BASE)}


def wheel_of(release: str, source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("torch/version.py", f"__version__ = '{release}'\ngit_version = '{release:0<40}'\n")
        archive.writestr(PATH, source)
    return buffer.getvalue()


WHEELS = {
    "1.9.1": wheel_of("1.9.1", "x = 1\n"),
    "1.10.0": wheel_of("1.10.0", f"x = 1\nraise RuntimeError('{MESSAGE}')\n"),
}


def filename(release: str) -> str:
    return f"torch-{release}-cp39-cp39-linux_x86_64.whl"


def record(release: str, *, message: str | None = None, wheel: bool = True, sha256: str | None = None) -> Record:
    known = Wheel(
        filename=filename(release),
        sha256=sha256 or hashlib.sha256(WHEELS.get(release, b"")).hexdigest(),
        index="cpu",
    )
    traced = Observation(outcome="raised", message=message) if message else Observation(outcome="returned")
    return Record(
        cell=CellKey(torch=release, build="cpu", python="3.9", platform="linux-x86_64"),
        status="recorded",
        wheel=known if wheel else None,
        torch=Torch(version=release),
        observations={
            "trace": traced,
            "traced-call": Observation(outcome="blocked", blocked_by="trace") if message else traced,
        },
    )


BEFORE, AFTER = record("1.9.1"), record("1.10.0", message=MESSAGE)


class Index:
    """The files of a package index."""

    def __init__(self, wheels: Mapping[str, bytes]) -> None:
        self.files = {f"{BASE}/{filename(release)}": content for release, content in wheels.items()}
        links = (
            f'<a href="{url}#sha256={hashlib.sha256(content).hexdigest()}">{url.rpartition("/")[2]}</a>'
            for url, content in self.files.items()
        )
        self.files[f"{BASE}/torch/"] = f"<html><body>{''.join(links)}</body></html>".encode()

    def web(self) -> AbstractContextManager[Web]:
        STATIC.take_requests()
        return STATIC.web(self.files)


@pytest.fixture(autouse=True, scope="module")
def _serve() -> Iterator[None]:
    with STATIC.running():
        yield


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)


@pytest.fixture
def broken() -> Iterator[Web]:
    """An HTTP client without a network: every connection is closed at once."""
    with STATIC.web({}) as web:
        STATIC.server.plan("*", Fault.drop(), None)
        yield web


def test_evidence_of_two_records_in_either_order() -> None:
    with Index(WHEELS).web() as web:
        explainer = Explainer(web, BUILDS)
        found = explainer.explain(BEFORE, AFTER, "trace")
        assert isinstance(found, Comparison)
        assert found.summary == f"{PATH}:2: raise RuntimeError('{MESSAGE}')"
        assert explainer.explain(AFTER, BEFORE, "trace") is found


def test_every_change_point_of_a_report_has_its_evidence() -> None:
    records = [AFTER, record("1.9.1", wheel=False).model_copy(update={"cell": _on("3.8")}), BEFORE]
    with Index(WHEELS).web() as web:
        explainer = Explainer(web, BUILDS)
        report = build_report(records, explain=lambda *change: evidence.for_report(explainer.explain(*change)))
    assert {change.name for change in report.changes} == {"trace", "traced-call"}
    for change in report.changes:
        assert change.evidence
        assert MESSAGE in change.evidence.summary


def _on(python: str) -> CellKey:
    return BEFORE.cell.model_copy(update={"python": python})


def test_a_blocked_observation_is_explained_by_the_one_that_blocked_it() -> None:
    with Index(WHEELS).web() as web:
        found = Explainer(web, BUILDS).explain(BEFORE, AFTER, "traced-call")
    assert isinstance(found, Comparison)
    assert MESSAGE in found.summary


def test_cached_files_need_no_network(broken: Web) -> None:
    with Index(WHEELS).web() as web:
        first = Explainer(web, BUILDS).explain(BEFORE, AFTER, "trace")
    assert Explainer(broken, BUILDS).explain(BEFORE, AFTER, "trace") == first
    assert broken.requests == 0


def test_without_a_network_the_error_is_the_reason(broken: Web) -> None:
    found = Explainer(broken, BUILDS).explain(BEFORE, AFTER, "trace")
    assert isinstance(found, Unexplained)
    assert "closed connection" in found.why
    assert evidence.rows(found) == [("evidence", f"none: {found.why}")]


def test_an_unreachable_index_is_requested_once() -> None:
    index = Index({})
    del index.files[f"{BASE}/torch/"]
    with index.web() as web:
        explainer = Explainer(web, BUILDS)
        first, second = (explainer.explain(BEFORE, AFTER, name) for name in ("trace", None))
    assert first == second
    assert STATIC.take_requests() == [f"{BASE}/torch/"]


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (record("1.9.1", wheel=False), "names no wheel"),
        (record("1.9.0"), "no longer has torch-1.9.0"),
    ],
)
def test_a_missing_wheel_is_the_reason(before: Record, reason: str) -> None:
    with Index(WHEELS).web() as web:
        found = Explainer(web, BUILDS).explain(before, AFTER, "trace")
    assert isinstance(found, Unexplained)
    assert reason in found.why


def test_another_wheel_of_the_release_is_read_instead_and_noted() -> None:
    elsewhere = record("1.9.1", sha256="f" * 64)
    named = elsewhere.model_copy(
        update={"wheel": Wheel(filename="torch-1.9.1+cpu-cp39-cp39-linux_x86_64.whl", sha256="f" * 64, index="cpu")}
    )
    with Index(WHEELS).web() as web:
        found = Explainer(web, BUILDS).explain(named, AFTER, "trace")
    assert isinstance(found, Comparison)
    assert MESSAGE in found.summary
    assert found.note == f"torch-1.9.1+cpu-cp39-cp39-linux_x86_64.whl is on no index; read {filename('1.9.1')} instead"
    assert ("note", found.note) in evidence.rows(found)


@pytest.mark.parametrize("page", [b"\0\0", b"{}", b"<html>please log in</html>"])
def test_without_an_index_page_there_is_no_evidence(page: bytes) -> None:
    index = Index(WHEELS)
    index.files[f"{BASE}/torch/"] = page
    with index.web() as web:
        found = Explainer(web, BUILDS).explain(BEFORE, AFTER, "trace")
    assert isinstance(found, Unexplained)


def test_without_a_writable_cache_there_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "wheels").write_text("in the way")
    with Index(WHEELS).web() as web:
        found = Explainer(web, BUILDS).explain(BEFORE, AFTER, "trace")
    assert isinstance(found, Unexplained)
