"""Run the jobs and steps of a workflow locally and in order, as GitHub does.

::

    run = Run(hub, "matrix.yml", env=project.env, inputs={"jobs": "3"})
    run.start()
    assert run.jobs["plan"].result == "success"
    run.rerun_failed()
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import yaml

from tests.support.hub.expressions import as_text, condition, fill
from tests.support.hub.machine import Job, Machine, status_functions
from tests.support.hub.store import Hub

_LEVELS: Final = {None: 0, "none": 0, "read": 1, "write": 2}


class Run:
    """A run of a workflow; ``jobs`` are by id, those of a called workflow by ids such as ``matrix/plan``."""

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
            hub: the emulated GitHub.
            workflow: the file in ``.github/workflows``.
            env: the environment of the steps, such as that of `Project`.
            event: name of the triggering event.
            payload: the event itself.
            inputs: the workflow's inputs.
            caller: the repository that calls the workflow, if not the workflow's.
            only: ids of the jobs to run; default: all.
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
        """Run failed jobs and their dependents again."""
        return self.start()

    @property
    def failed(self) -> list[str]:
        """Failed jobs, with the failed combinations of their matrix."""
        found = []
        for name, job in self.jobs.items():
            if job.result == "failure":
                found += [f"{name} {leg}" for leg, part in job.legs.items() if part.result == "failure"] or [name]
        return found

    @property
    def log(self) -> str:
        """The output of all steps of all jobs."""
        legs = [(name, leg, part) for name, job in self.jobs.items() for leg, part in (job.legs or {"": job}).items()]
        return "\n".join(f"=== {name} {leg}\n{part.log}" for name, leg, part in legs)

    # --- workflows ---

    def _workflow(
        self, name: str, inputs: Mapping[str, Any], *, prefix: str, granted: Mapping[str, str]
    ) -> dict[str, str]:
        """Run a workflow; return its outputs if another workflow calls it."""
        document = yaml.safe_load((self.hub.source / ".github" / "workflows" / name).read_text("utf-8"))
        if document["permissions"] != {}:
            raise LookupError(f"{name}: no permissions are allowed at the top")
        called = bool(prefix) or self.event == "workflow_call"
        trigger = document[True]["workflow_call" if called else self.event]  # YAML 1.1 reads "on" as true
        trigger = (
            trigger if isinstance(trigger, dict) else {}
        )  # a schedule is a list, and a trigger without settings is None
        context = {**self._context(), "inputs": _inputs(trigger, inputs)}
        env = {key: as_text(fill(value, context)) for key, value in document.get("env", {}).items()}
        ran: set[str] = set()
        chosen = {name: job for name, job in document["jobs"].items() if prefix or not self.only or name in self.only}
        for job_id, job in chosen.items():
            self._job(job_id, job, {**context, "env": env}, prefix=prefix, granted=granted, ran=ran)
        jobs = {job_id: {"outputs": self.jobs[prefix + job_id].outputs} for job_id in chosen}
        wanted = (trigger.get("outputs") or {}) if called else {}
        return {key: as_text(fill(output["value"], {**context, "jobs": jobs})) for key, output in wanted.items()}

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
        job = {"workflow_repository": self.hub.name, "workflow_sha": self.sha}
        return {"github": github, "job": job, "runner": {"os": "Linux"}}

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
            "needs": {name: {"result": done.result, "outputs": done.outputs} for name, done in before.items()},
            **status_functions([done.result for done in before.values()]),
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
                raise LookupError(f"{name} wants {key}: {level}, which its caller does not grant")
        if "steps" not in job:
            self._call(name, job, context, permissions)
            return
        result = self.jobs[name] = Job(attempt=self.attempt)
        legs = list(_legs(job.get("strategy", {}), context)) or [{}]
        for leg in legs:
            key = str(leg.get("name") or " ".join(map(str, leg.values())))
            part = known.legs.get(key) if known else None
            # Only failed combinations run again.
            if part is None or part.result != "success" or ran & set(needs):
                part = self._leg(name, job, {**context, "matrix": leg}, permissions)
            result.legs[key] = part
            result.outputs |= part.outputs
        result.result = "success" if all(part.result == "success" for part in result.legs.values()) else "failure"
        result.summary = "".join(part.summary for part in result.legs.values())

    def _call(self, name: str, job: Mapping[str, Any], context: dict[str, Any], permissions: Mapping[str, str]) -> None:
        """Run a job that calls another workflow."""
        inputs = fill(job.get("with", {}), context)
        file = job["uses"].removeprefix("$/.github/workflows/")
        outputs = self._workflow(file, inputs, prefix=f"{name}/", granted=permissions)
        inner = [done.result for key, done in self.jobs.items() if key.startswith(f"{name}/")]
        self.jobs[name] = Job(
            result="failure" if "failure" in inner else "success", outputs=outputs, attempt=self.attempt
        )

    def _leg(self, name: str, job: Mapping[str, Any], context: dict[str, Any], permissions: Mapping[str, str]) -> Job:
        """Run a job, or one combination of its matrix, on a new machine."""
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


def _inputs(trigger: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a workflow, checked against their declarations and completed with defaults."""
    declared = trigger.get("inputs") or {}
    if unknown := given.keys() - declared.keys():
        raise LookupError(f"unknown inputs: {unknown}")
    found = {}
    for name, declaration in declared.items():
        value = given.get(name)
        if value is None or (value == "" and declaration["type"] != "string"):
            if declaration.get("required"):
                raise LookupError(f"the input {name!r} is required")
            value = declaration.get("default", "")
        kind = {"string": str, "boolean": bool}[declaration["type"]]
        if not isinstance(value, kind):
            raise TypeError(f"the input {name!r} is {value!r}, not a {declaration['type']}")
        found[name] = value
    return found


def _legs(strategy: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the combinations of a matrix: each of ``include``, or all of its values."""
    matrix = fill(strategy.get("matrix", {}), context)
    if "include" in matrix:
        yield from matrix["include"]
    elif matrix:
        for values in itertools.product(*matrix.values()):
            yield dict(zip(matrix, values, strict=True))
