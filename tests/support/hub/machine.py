"""The machine of a job, with its workspace; runs its steps in order."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.support.hub import actions
from tests.support.hub.actions import ActionError, StepContext
from tests.support.hub.expressions import as_text, condition, fill

if TYPE_CHECKING:
    from tests.support.hub.runner import Run

#: Timeout of a step in seconds; far below those of the workflows.
_TIMEOUT: Final = 240

_numbers: Final = itertools.count(1)


@dataclasses.dataclass
class Job:
    """The result of a job, or of one combination of its matrix."""

    result: str = "skipped"
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    log: str = ""
    summary: str = ""
    attempt: int = 0
    legs: dict[str, Job] = dataclasses.field(default_factory=dict)


class Machine:
    """Runs the steps of a job."""

    def __init__(self, run: Run, context: dict[str, Any], job: Mapping[str, Any], token: str) -> None:
        number = next(_numbers)
        self.workspace = run.folder / f"{number}" / "work"
        self.files = run.folder / f"{number}" / "files"
        for folder in (self.workspace, self.files):
            folder.mkdir(parents=True)
        self.run, self.job = run, Job(result="success", attempt=run.attempt)
        self.steps: dict[str, Any] = {}
        self.context = {**context, "steps": self.steps}
        declared = {key: as_text(fill(value, context)) for key, value in job.get("env", {}).items()}
        self.shell = job.get("defaults", {}).get("run", {}).get("shell")
        self.env = {
            **run.env,
            **run.hub.environment,
            "PATH": f"{run.hub.bin}:{run.env['PATH']}",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_REPOSITORY": run.caller,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_RUN_ATTEMPT": str(run.attempt),
            "HUB_PERMISSIONS": token,
            **context["env"],
            **declared,
        }

    def step(self, step: Mapping[str, Any]) -> None:
        """Run a step, if its condition holds."""
        context = {**self.context, **status_functions([self.job.result]), "env": self.env}
        if not condition(step.get("if", "true"), context):
            return
        self.job.log += f"--- {step['name']}\n"
        env = {key: as_text(fill(value, context)) for key, value in step.get("env", {}).items()}
        try:
            outputs = self._uses(step, context) if "uses" in step else self._run(step, env)
            outcome = "success"
        except ActionError as error:
            self.job.log += f"{error}\n"
            outputs, outcome = error.args[1] if len(error.args) > 1 else {}, "failure"
        if "id" in step:
            self.steps[step["id"]] = {"outputs": outputs, "outcome": outcome}
        if outcome == "failure" and not step.get("continue-on-error"):
            self.job.result = "failure"

    def _uses(self, step: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, str]:
        uses, inputs = step["uses"], fill(step.get("with", {}), context)
        if uses.startswith("$/"):  # an action of the workflow's repository
            action = yaml.safe_load((self.run.hub.source / uses.removeprefix("$/") / "action.yml").read_text("utf-8"))
            for inner in action["runs"]["steps"]:
                if "run" in inner and "shell" not in inner:
                    raise LookupError(f"{uses}: a step without a shell")
                self.step(inner)
            return {}
        step_context = StepContext(self.run.hub, self.workspace, self.run.artifacts, self.env)
        actions.run(step_context, uses, {key: as_text(value) for key, value in inputs.items()})
        return step_context.outputs

    def _run(self, step: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
        if "${{" in step["run"]:
            raise LookupError(f"an expression inside a script: {step['run']}")
        names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        files = {name: self.files / f"{name}-{next(_numbers)}" for name in names}
        for path in files.values():
            path.touch()
        script = self.files / f"step-{next(_numbers)}.sh"
        script.write_text(step["run"], "utf-8")
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") or self.shell else ["-e"]
        done = subprocess.run(
            ["bash", *options, str(script)],
            cwd=self.workspace,
            env={**self.env, **env, **{name: str(path) for name, path in files.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
        self.job.log += done.stdout
        self.job.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        outputs = dict(read_outputs(files["GITHUB_OUTPUT"]))
        if done.returncode:
            raise ActionError(f"exit code {done.returncode}", outputs)
        return outputs


def read_outputs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the values of an output file: ``name=value``, or several lines with a delimiter."""
    lines = iter(path.read_text("utf-8").splitlines())
    for line in lines:
        name, sign, rest = line.partition("=")
        if sign and "<<" not in name:
            yield name, rest
            continue
        name, _, end = line.partition("<<")
        yield name, "\n".join(itertools.takewhile(end.__ne__, lines))


def status_functions(results: list[str]) -> dict[str, Any]:
    """Return the status functions of expressions, for the results so far."""
    return {
        "success": lambda: all(result == "success" for result in results),
        "failure": lambda: "failure" in results,
        "always": lambda: True,
        "cancelled": lambda: False,
    }
