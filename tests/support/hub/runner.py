"""Runs a workflow's jobs and steps on this machine, in order, as GitHub does.

::

    run = Run(hub, "matrix.yml", env=project.env, inputs={"jobs": "3"})
    run.start()
    assert run.jobs["plan"].result == "success"
    run.rerun_failed()
"""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.hub import actions
from tests.support.hub.actions import ActionError, Place
from tests.support.hub.expressions import as_text, condition, fill
from tests.support.hub.store import Hub

#: What a step may take; the tests' own limits are far below those of the workflows.
_TIMEOUT: Final = 240

_LEVELS: Final = {None: 0, "none": 0, "read": 1, "write": 2}


@dataclasses.dataclass
class Job:
    """What came of a job, or of one leg of its matrix."""

    result: str = "skipped"
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    log: str = ""
    summary: str = ""
    attempt: int = 0
    legs: dict[str, Job] = dataclasses.field(default_factory=dict)


class Run:
    """One run of a workflow; ``jobs`` are known by their ids, those of a called workflow as ``matrix/plan``."""

    def __init__(
        self,
        hub: Hub,
        workflow: str,
        *,
        env: Mapping[str, str],
        event: str = "workflow_dispatch",
        payload: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        caller: str | None = None,
        only: Collection[str] = (),
    ) -> None:
        """Prepare a run.

        Args:
            hub: where it runs.
            workflow: the file in ``.github/workflows``.
            env: the environment of the steps, as `Project` has it.
            event: what started it.
            payload: the event.
            inputs: of the workflow.
            caller: the repository that calls the workflow, if it isn't the workflow's own.
            only: the jobs to run, if not all.
        """
        hub.runs += 1
        self.hub, self.workflow, self.env, self.event = hub, workflow, dict(env), event
        self.payload, self.inputs, self.caller = payload or {}, inputs or {}, caller or hub.name
        self.only = only
        self.id, self.attempt = hub.runs, 0
        self.sha = hub.commit()
        self.folder = hub.folder / f"run-{self.id}"
        self.artifacts = hub.artifacts / str(self.id)
        self.artifacts.mkdir()
        self.jobs: dict[str, Job] = {}

    def start(self) -> Run:
        """Run all jobs."""
        self.attempt += 1
        everything = dict.fromkeys(("contents", "issues", "pull-requests", "pages", "id-token"), "write")
        self._workflow(self.workflow, self.inputs, prefix="", granted=everything)
        return self

    def rerun_failed(self) -> Run:
        """Run again what failed, and what needs it."""
        return self.start()

    @property
    def failed(self) -> list[str]:
        """The jobs that failed, and the legs of them."""
        found = []
        for name, job in self.jobs.items():
            if job.result == "failure":
                found += [f"{name} {leg}" for leg, one in job.legs.items() if one.result == "failure"] or [name]
        return found

    @property
    def log(self) -> str:
        """What all steps of all jobs said."""
        legs = [(name, leg, one) for name, job in self.jobs.items() for leg, one in (job.legs or {"": job}).items()]
        return "\n".join(f"=== {name} {leg}\n{one.log}" for name, leg, one in legs)

    # --- workflows ---

    def _workflow(
        self, name: str, inputs: Mapping[str, Any], *, prefix: str, granted: Mapping[str, str]
    ) -> dict[str, str]:
        """Run a workflow; returns its outputs, where it is called by another."""
        said = yaml.safe_load((self.hub.source / ".github" / "workflows" / name).read_text("utf-8"))
        if said["permissions"] != {}:
            raise LookupError(f"{name}: permissions at the top")
        called = bool(prefix) or self.event == "workflow_call"
        trigger = said[True]["workflow_call" if called else self.event]  # YAML 1.1 reads "on" as true
        trigger = trigger if isinstance(trigger, dict) else {}  # a schedule is a list, and nothing is nothing
        context = {**self._context(), "inputs": _inputs(trigger, inputs)}
        env = {key: as_text(fill(value, context)) for key, value in said.get("env", {}).items()}
        ran: set[str] = set()
        chosen = {name: job for name, job in said["jobs"].items() if prefix or not self.only or name in self.only}
        for job_id, job in chosen.items():
            self._job(job_id, job, {**context, "env": env}, prefix=prefix, granted=granted, ran=ran)
        jobs = {job_id: {"outputs": self.jobs[prefix + job_id].outputs} for job_id in chosen}
        wanted = (trigger.get("outputs") or {}) if called else {}
        return {key: as_text(fill(one["value"], {**context, "jobs": jobs})) for key, one in wanted.items()}

    def _context(self) -> dict[str, Any]:
        github = {
            "repository": self.caller,
            "ref": "refs/heads/main",
            "sha": self.sha,
            "run_id": self.id,
            "run_attempt": self.attempt,
            "event_name": self.event,
            "event": self.payload,
        }
        own = {"workflow_repository": self.hub.name, "workflow_sha": self.sha}
        return {"github": github, "job": own, "runner": {"os": "Linux"}}

    # --- jobs ---

    def _job(
        self,
        job_id: str,
        job: Mapping[str, Any],
        context: dict[str, Any],
        *,
        prefix: str,
        granted: Mapping[str, str],
        ran: set[str],
    ) -> None:
        needs = job.get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        before = {name: self.jobs[prefix + name] for name in needs}
        context = {
            **context,
            "needs": {name: {"result": one.result, "outputs": one.outputs} for name, one in before.items()},
            **_states([one.result for one in before.values()]),
        }
        name = prefix + job_id
        known = self.jobs.get(name)
        if known and known.result != "failure" and not ran & set(needs):
            return
        ran.add(job_id)
        if not condition(job.get("if", "true"), context):
            self.jobs[name] = Job(attempt=self.attempt)
            return
        permissions = job["permissions"]
        for key, level in permissions.items():
            if _LEVELS[level] > _LEVELS[granted.get(key)]:
                raise LookupError(f"{name} wants {key}: {level}, which its caller hasn't got")
        if "steps" not in job:
            self._call(name, job, context, permissions)
            return
        result = self.jobs[name] = Job(attempt=self.attempt)
        legs = list(_legs(job.get("strategy", {}), context)) or [{}]
        for leg in legs:
            key = str(leg.get("name") or " ".join(map(str, leg.values())))
            one = known.legs.get(key) if known else None
            # A leg that succeeded stays as it is where only the others are run again.
            if one is None or one.result != "success" or ran & set(needs):
                one = self._leg(name, job, {**context, "matrix": leg}, permissions)
            result.legs[key] = one
            result.outputs |= one.outputs
        result.result = "success" if all(one.result == "success" for one in result.legs.values()) else "failure"
        result.summary = "".join(one.summary for one in result.legs.values())

    def _call(self, name: str, job: Mapping[str, Any], context: dict[str, Any], permissions: Mapping[str, str]) -> None:
        """A job that is another workflow."""
        inputs = fill(job.get("with", {}), context)
        file = job["uses"].removeprefix("$/.github/workflows/")
        outputs = self._workflow(file, inputs, prefix=f"{name}/", granted=permissions)
        inner = [one.result for key, one in self.jobs.items() if key.startswith(f"{name}/")]
        self.jobs[name] = Job(
            result="failure" if "failure" in inner else "success", outputs=outputs, attempt=self.attempt
        )

    def _leg(self, name: str, job: Mapping[str, Any], context: dict[str, Any], permissions: Mapping[str, str]) -> Job:
        """One job on one machine: a workspace of its own, and its steps in order."""
        if not fill(job["runs-on"], context) or "timeout-minutes" not in job:
            raise LookupError(f"{name}: no runner, or no time limit")
        token = ",".join(f"{key}={level}" for key, level in permissions.items())
        context = {**context, "github": {**context["github"], "token": token}}
        machine = Machine(self, context, job, token)
        for step in job["steps"]:
            machine.step(step)
        done = machine.job
        done.outputs = {key: as_text(fill(value, machine.context)) for key, value in job.get("outputs", {}).items()}
        return done


class Machine:
    """What runs the steps of one job."""

    def __init__(self, run: Run, context: dict[str, Any], job: Mapping[str, Any], token: str) -> None:
        number = next(_numbers)
        self.workspace = run.folder / f"{number}" / "work"
        self.files = run.folder / f"{number}" / "files"
        for folder in (self.workspace, self.files):
            folder.mkdir(parents=True)
        self.run, self.job = run, Job(result="success", attempt=run.attempt)
        self.steps: dict[str, Any] = {}
        self.context = {**context, "steps": self.steps}
        own = {key: as_text(fill(value, context)) for key, value in job.get("env", {}).items()}
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
            **own,
        }

    def step(self, step: Mapping[str, Any]) -> None:
        """Run a step, if its condition holds."""
        context = {**self.context, **_states([self.job.result]), "env": self.env}
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
        if uses.startswith("$/"):  # an action of the workflow's own repository
            said = yaml.safe_load((self.run.hub.source / uses.removeprefix("$/") / "action.yml").read_text("utf-8"))
            for inner in said["runs"]["steps"]:
                if "run" in inner and "shell" not in inner:
                    raise LookupError(f"{uses}: a step without a shell")
                self.step(inner)
            return {}
        place = Place(self.run.hub, self.workspace, self.run.artifacts, self.env)
        actions.run(place, uses, {key: as_text(value) for key, value in inputs.items()})
        return place.outputs

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


_numbers = itertools.count(1)


def read_outputs(path: Path) -> Iterator[tuple[str, str]]:
    """The values of an output file: ``name=value``, or several lines between two marks."""
    lines = iter(path.read_text("utf-8").splitlines())
    for line in lines:
        name, sign, rest = line.partition("=")
        if sign and "<<" not in name:
            yield name, rest
            continue
        name, _, end = line.partition("<<")
        yield name, "\n".join(itertools.takewhile(end.__ne__, lines))


def _states(results: list[str]) -> dict[str, Any]:
    """The functions that ask for the state of things."""
    return {
        "success": lambda: all(one == "success" for one in results),
        "failure": lambda: "failure" in results,
        "always": lambda: True,
        "cancelled": lambda: False,
    }


def _inputs(trigger: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a workflow: what is given, checked against what is declared, and defaults for the rest."""
    declared = trigger.get("inputs") or {}
    if unknown := given.keys() - declared.keys():
        raise LookupError(f"inputs that the workflow hasn't got: {unknown}")
    found = {}
    for name, one in declared.items():
        value = given.get(name)
        if value is None or (value == "" and one["type"] != "string"):
            if one.get("required"):
                raise LookupError(f"the input {name!r} is required")
            value = one.get("default", "")
        kind = {"string": str, "boolean": bool}[one["type"]]
        if not isinstance(value, kind):
            raise TypeError(f"the input {name!r} is {value!r}, which is no {one['type']}")
        found[name] = value
    return found


def _legs(strategy: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The legs of a matrix: each of ``include``, or all combinations."""
    matrix = fill(strategy.get("matrix", {}), context)
    if "include" in matrix:
        yield from matrix["include"]
    elif matrix:
        for values in itertools.product(*matrix.values()):
            yield dict(zip(matrix, values, strict=True))
