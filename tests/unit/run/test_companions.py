"""Companions of torch: what uv is asked for, and what it is not trusted with."""

from __future__ import annotations

import tomllib

import pytest

from scripts.index.sources import Source
from scripts.run import companions
from scripts.run.companions import Companions
from scripts.run.pylock import Package

INDEX = "https://example.org/whl/cpu"
SOURCE = Source(build="cpu", index=INDEX)
KNOWN = Companions(names=("torchvision", "pytorch-triton"), source=SOURCE)
DEFAULT = Companions(names=("torchvision",), source=Source(build="default", index=None))


def locked(**versions: str) -> list[Package]:
    return [Package(name=name.replace("_", "-"), version=version) for name, version in versions.items()]


def test_only_companions_that_the_project_does_not_require_are_added() -> None:
    assert KNOWN.to_require({"torchvision", "numpy"}, ["numpy<2"]) == {"torchvision": "torchvision"}
    assert KNOWN.to_require({"torchvision"}, ["TorchVision>=0.2"]) == {}
    # The marker may not apply, and another package require it.
    assert KNOWN.to_require({"torchvision"}, ["torchvision; python_version<'3'"]) == {"torchvision": "torchvision"}
    assert DEFAULT.to_require({"torchvision"}, []) == {}


@pytest.mark.parametrize(
    ("torch", "companion", "expected"),
    [
        ("2.5.1+cpu", "0.20.1+cu124", "torchvision==0.20.1+cpu"),
        ("2.5.1+cpu", "0.20.1+cpu", None),
        ("2.0.0+cpu.cxx11.abi", "0.15.1+cpu", None),
        ("2.5.1+cpu", "0.20.1", None),
        ("2.5.1", "0.20.1+cu124", None),
        ("2.5.1+cpu", "3.0.0+45fff310c8", None),  # a commit
        ("2.5.1+cpu", "not a version", None),
    ],
)
def test_a_companion_of_another_build_is_required_in_that_of_torch(
    torch: str, companion: str, expected: str | None
) -> None:
    found = KNOWN.of_other_builds(locked(torch=torch, torchvision=companion, numpy="2.0"))
    assert found == ({"torchvision": expected} if expected else {})


def test_an_error_that_names_a_companion_names_its_index() -> None:
    output = "Because there are no versions of PyTorch_Triton and torchvision==0.1 depends on it, no solution"
    assert KNOWN.mentioned(output) == ["torchvision", "pytorch-triton"]
    assert KNOWN.explanation(output) == (
        "; torchvision and pytorch-triton come only from index 'cpu', as torch does ('companions' in matrix.toml)"
    )
    assert KNOWN.explanation("failed to fetch https://example.org/torchvision/; torchvision-extra") == ""
    assert DEFAULT.explanation("torchvision was not found") == ""


def test_the_project_file_places_torch_and_its_companions() -> None:
    def placed(source: Source, *needs: str) -> dict[str, str]:
        uv = tomllib.loads(companions.project(["torch==2.5.1", *needs], source, ["torchvision"]))["tool"]["uv"]
        urls = {index["name"]: index["url"] for index in uv.get("index", [])}
        assert all(index["explicit"] for index in uv.get("index", []))
        return {name: urls[where["index"]] for name, where in uv.get("sources", {}).items()}

    assert placed(SOURCE) == {"torch": INDEX, "torchvision": INDEX}
    assert placed(SOURCE, "torchvision @ file:///x/torchvision-1-py3-none-any.whl") == {"torch": INDEX}
    assert placed(Source(build="default", index=None)) == {}
    local = "file:///wheels"
    assert placed(Source(build="wheel.cpu", index=local, companions=INDEX)) == {"torch": local, "torchvision": INDEX}
    assert placed(Source(build="wheel.cpu", index=local, companions="")) == {"torch": local}
