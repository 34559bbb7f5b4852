"""Public reports on torch.compile and torch.export: true in a release where the observation raised."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import pytest
import torch
from modules import RankOne, Symmetric
from recorder import Observer
from reports import Autoencoder, Graphs, example, same, skip_unless, symmetric_linear, tied_linears
from torch import nn
from torch.nn.utils import parametrize


def compiled(model: Callable[..., Any], **options: Any) -> Any:
    """Return what torch.compile makes of a model or function, with nothing kept from before."""
    skip_unless(hasattr(torch, "compile"), "this release has no torch.compile")
    torch._dynamo.reset()
    return torch.compile(model, **options)


def program(model: nn.Module, x: torch.Tensor, *, strict: bool | None = None) -> Any:
    """Return the exported program, by default with the release's own choice of ``strict``."""
    export: Any = getattr(getattr(torch, "export", None), "export", None)
    skip_unless(export, "this release has no torch.export")
    has_strict = "strict" in inspect.signature(export).parameters
    skip_unless(strict is not False or has_strict, "torch.export.export has no strict= in this release")
    torch._dynamo.reset()
    return export(model, (x,), **({"strict": strict} if has_strict and strict is not None else {}))


def weight_norm(module: nn.Module) -> nn.Module:
    """Return the module under parametrizations.weight_norm."""
    parametrizations = getattr(nn.utils, "parametrizations", None)
    skip_unless(hasattr(parametrizations, "weight_norm"), "this release has no parametrizations.weight_norm")
    return nn.utils.parametrizations.weight_norm(module)


def registering(x: torch.Tensor) -> torch.Tensor:
    """Make a parametrized layer and call it."""
    layer = nn.Linear(4, 4)
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.zero_()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    return layer(x)


def test_120914_compile_registering(observe: Observer) -> None:
    """pytorch/pytorch#120914: a function that registers a parametrization can't be compiled.

    Register before compiling.
    """
    with observe("report/120914-compile-registering", phase="compiling"):
        x = example(3, 4)
        same(compiled(registering, backend="eager")(x), registering(x))


def test_115744_compile_registering_aot(observe: Observer) -> None:
    """pytorch/pytorch#115744: the same with the backend aot_eager, which should break the graph instead of failing.

    Register before compiling.
    """
    with observe("report/115744-compile-registering-aot", phase="compiling"):
        x = example(3, 4)
        same(compiled(registering, backend="aot_eager")(x), registering(x))


def test_121304_compile_weight_norm(observe: Observer) -> None:
    """pytorch/pytorch#121304: a compiled convolution under parametrizations.weight_norm fails without gradients.

    Where it fails, remove the parametrization for inference, or call the model uncompiled.
    """
    with observe("report/121304-compile-weight-norm", phase="building"), torch.no_grad():
        torch.manual_seed(0)
        model, x = weight_norm(nn.Conv3d(2, 2, 2)).eval(), example(1, 2, 3, 3, 3)
        eager = model(x)
        observe.phase = "compiling"
        same(compiled(model, backend="aot_eager")(x), eager)


def test_121902_compile_weight_norm_fullgraph(observe: Observer) -> None:
    """pytorch/pytorch#121902: with fullgraph=True, a layer under parametrizations.weight_norm can't be compiled.

    Leave fullgraph out where that works (`report/121304-compile-weight-norm`).
    """
    with observe("report/121902-compile-weight-norm-fullgraph", phase="building"):
        torch.manual_seed(0)
        model, x = weight_norm(nn.Conv1d(4, 3, 3)), example(1, 4, 6)
        eager = model(x)
        observe.phase = "compiling"
        same(compiled(model, backend="aot_eager", fullgraph=True)(x), eager)


def test_118742_compile_weight_norm_hook(observe: Observer) -> None:
    """pytorch/pytorch#118742: a layer under the hook torch.nn.utils.weight_norm can't be compiled.

    Use torch.nn.utils.parametrizations.weight_norm, or remove_weight_norm before compiling.
    """
    with observe("report/118742-compile-weight-norm-hook", phase="building"):
        torch.manual_seed(0)
        model, x = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 6), dim=0)), example(4)
        eager = model(x)
        observe.phase = "compiling"
        same(compiled(model, backend="aot_eager")(x), eager)


def test_125771_compile_into_one_graph(observe: Observer) -> None:
    """pytorch/pytorch#125771: the parametrization isn't a part of the one compiled graph.

    It runs uncompiled then, and fullgraph=True need not notice it. Remove it for inference.
    """
    with observe("report/125771-compile-into-one-graph", phase="compiling"):
        graphs, model, x = Graphs(), symmetric_linear(), example(3, 4)
        same(compiled(model, backend=graphs, fullgraph=True)(x), model(x))
        observe.phase = "counting"
        if len(graphs.found) != 1 or not any("triu" in name for name in graphs.called()):
            raise AssertionError(f"{len(graphs.found)} graphs; calls: {', '.join(graphs.called()) or 'none'}")


def test_125478_compile_many(observe: Observer, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytorch/pytorch#125478: with many parametrized layers, compiling starts over again and again.

    Remove the parametrizations for inference, or compile the layers one by one.
    """
    with observe("report/125478-compile-many", phase="compiling"):
        plain, parametrized = nn.Sequential(*(nn.Linear(4, 4) for _ in range(8))), nn.Sequential(*map(seeded, range(8)))
        before, after = started(plain, monkeypatch), started(parametrized, monkeypatch)
        if after > before:
            raise AssertionError(f"compiling 8 layers starts {before} times, parametrized {after} times")


def started(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often Dynamo starts to translate a frame until a model is compiled."""
    torch_compiled, starts = compiled(model, backend=Graphs()), []
    translator = torch._dynamo.symbolic_convert.InstructionTranslator
    initialise = translator.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        starts.append(1)
        initialise(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(translator, "__init__", counted)
        torch_compiled(example(3, 4))
    return len(starts)


def seeded(seed: int) -> nn.Module:
    """Return a layer of its own, with the parametrization."""
    torch.manual_seed(seed)
    model = nn.Linear(4, 4)
    parametrize.register_parametrization(model, "weight", Symmetric())
    return model


def test_167645_export_while_caching(observe: Observer) -> None:
    """pytorch/pytorch#167645: an exported model evaluates the parametrization at each use, in spite of cached().

    Read the weight once per call in the model's own forward, into a local variable.
    """
    with observe("report/167645-export-while-caching", phase="exporting"):
        model, x = Recurrent(), example(3, 4)
        exported = program(model, x)
        observe.phase = "counting"
        found = sum("triu" in str(node.target) for node in exported.graph.nodes)
        if found != 2:
            raise AssertionError(f"the graph evaluates the parametrization {found // 2} times for 3 uses")


def test_124524_export_originals(observe: Observer) -> None:
    """pytorch/pytorch#124524: an exported program doesn't know the tensors behind a parametrization by their names.

    Checkpoints of the model don't fit the program: load them before exporting.
    """
    with observe("report/124524-export-originals", phase="building"):
        skip_unless(
            hasattr(parametrize.ParametrizationList, "right_inverse"), "parametrizations have one input in this release"
        )
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4))
        parametrize.register_parametrization(model[0], "weight", RankOne())
        observe.phase = "exporting"
        same_names(program(model, example(3, 4), strict=True), model)


def test_124847_export_state(observe: Observer) -> None:
    """pytorch/pytorch#124847: exported without Dynamo, a model with tied weights loses names of its state.

    Load checkpoints into the model before exporting.
    """
    with observe("report/124847-export-state", phase="exporting"):
        model = tied_linears()
        same_names(program(model, example(3, 4), strict=False), model)


def test_160600_export_parameters(observe: Observer) -> None:
    """pytorch/pytorch#160600: exported with Dynamo, a model with tied weights loses names of its parameters.

    Use strict=False.
    """
    with observe("report/160600-export-parameters", phase="exporting"):
        model = tied_linears()
        exported = program(model, example(3, 4), strict=True)
        skip_unless(hasattr(exported, "module"), "ExportedProgram has no module() in this release")
        names = [name for name, _ in exported.module().named_parameters()]
        expected = [name for name, _ in model.named_parameters()]
        if sorted(names) != sorted(expected):
            raise AssertionError(f"{', '.join(sorted(names))} instead of {', '.join(sorted(expected))}")


def test_127357_export_used_twice(observe: Observer) -> None:
    """pytorch/pytorch#127357: a model that uses one weight twice, the second time transposed, can't be exported.

    Use strict=False, or torch.jit.trace.
    """
    with observe("report/127357-export-used-twice", phase="building"):
        model, x = Autoencoder(), example(3, 4)
        eager = model(x)
        observe.phase = "exporting"
        exported = program(model, x, strict=True)
        observe.phase = "calling"
        same((exported.module() if hasattr(exported, "module") else exported)(x), eager)


def same_names(exported: Any, model: nn.Module) -> None:
    """Raise AssertionError unless a program has the state of the model, by name."""
    names, expected = sorted(exported.state_dict), sorted(model.state_dict())
    if names != expected:
        raise AssertionError(f"{', '.join(names)} instead of {', '.join(expected)}")


class Recurrent(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Uses one parametrized weight three times, with caching in its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = symmetric_linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with parametrize.cached():
            for _ in range(3):
                x = self.layer(x)
            return x
