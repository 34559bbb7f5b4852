"""The actions that the workflows use, done on this machine. Each refuses inputs that it doesn't know."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.hub import store
from tests.support.hub.store import Hub

Inputs = Mapping[str, str]


class ActionError(Exception):
    """An action failed, as the real one would."""


class Place:
    """Where a step runs: the job's workspace, its environment, and the run's artifacts."""

    def __init__(self, hub: Hub, workspace: Path, artifacts: Path, env: dict[str, str]) -> None:
        self.hub, self.workspace, self.artifacts, self.env = hub, workspace, artifacts, env
        self.outputs: dict[str, str] = {}

    def path(self, text: str) -> Path:
        """A path of an input, from the workspace."""
        return self.workspace / text


def checkout(place: Place, inputs: Inputs) -> None:
    """Clone a repository, without leaving credentials behind."""
    if inputs.get("persist-credentials") != "false":
        raise ActionError("credentials would be left in the checkout")
    source = place.hub.repositories[inputs.get("repository") or place.env["GITHUB_REPOSITORY"]]
    target = place.path(inputs.get("path", "."))
    depth = [] if inputs.get("fetch-depth", "1") == "0" else ["--depth=1"]
    store.git(place.workspace, "clone", "--quiet", *depth, source.as_uri(), str(target))
    if ref := inputs.get("ref"):
        store.git(target, "fetch", "--quiet", *depth, "origin", ref)
        store.git(target, "checkout", "--quiet", ref)


def setup_uv(place: Place, inputs: Inputs) -> None:
    """Activate an environment: the one of the tests, which has what the engine needs."""
    if inputs.get("activate-environment") != "true":
        raise ActionError("no environment would be active")
    place.env["VIRTUAL_ENV"] = sys.prefix
    place.env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), place.env["PATH"]])


def upload(place: Place, inputs: Inputs) -> None:
    """Keep files for other jobs; the folder of a single path is the root, as is the common one of several."""
    target = place.artifacts / inputs["name"]
    if target.exists():
        if inputs.get("overwrite") != "true":
            raise ActionError(f"there is an artifact {inputs['name']!r} already")
        shutil.rmtree(target)
    named = [place.path(line.strip()) for line in inputs["path"].splitlines() if line.strip()]
    there = [path for path in named if path.exists() and (path.is_file() or any(path.iterdir()))]
    hidden = any(part.startswith(".") for path in named for part in path.relative_to(place.workspace).parts)
    if hidden and inputs.get("include-hidden-files") != "true":
        there = []
    if not there:
        if inputs.get("if-no-files-found", "warn") == "error":
            raise ActionError(f"no files found at {inputs['path']!r}")
        return
    root = named[0] if len(named) == 1 else Path(os.path.commonpath(named))
    for path in there:
        store.copy(path, target / path.relative_to(root))


def download(place: Place, inputs: Inputs) -> None:
    """Get artifacts: one by its name, or those that fit a pattern, each in a folder of its own if there are several."""
    target = place.path(inputs["path"])
    if name := inputs.get("name"):
        if not (place.artifacts / name).is_dir():
            raise ActionError(f"Artifact {name!r} not found")
        store.copy(place.artifacts / name, target)
        return
    found = [path for path in sorted(place.artifacts.iterdir()) if fnmatch.fnmatchcase(path.name, inputs["pattern"])]
    for path in found:
        store.copy(path, target / path.name if len(found) > 1 else target)


def restore(place: Place, inputs: Inputs) -> None:
    """Get a cache: the one of the key, or else the last of those that start with a further key."""
    caches = place.hub.caches
    names = [path.name for path in sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)]
    prefixes = inputs.get("restore-keys", "").split()
    near = [name for prefix in prefixes for name in names if name.startswith(prefix)]
    exact = inputs["key"] in names
    place.outputs["cache-hit"] = str(exact).lower()
    for name in [inputs["key"]] if exact else near[:1]:
        store.copy(caches / name, place.path(inputs["path"]))


def save(place: Place, inputs: Inputs) -> None:
    """Keep a cache; a key is never written twice."""
    source, target = place.path(inputs["path"]), place.hub.caches / inputs["key"]
    if source.exists() and not target.exists():
        store.copy(source, target)
        os.utime(target)


def upload_page(place: Place, inputs: Inputs) -> None:
    """Keep the page for its deployment."""
    store.copy(place.path(inputs["path"]), place.artifacts / "github-pages")


def deploy_page(place: Place, inputs: Inputs) -> None:
    """Publish the page."""
    del inputs
    granted = place.env["HUB_PERMISSIONS"].split(",")
    if not {"pages=write", "id-token=write"} <= set(granted):
        raise ActionError("no permission to deploy pages")
    shutil.rmtree(place.hub.pages, ignore_errors=True)
    store.copy(place.artifacts / "github-pages", place.hub.pages)
    place.outputs["page_url"] = "https://someone.example/matrix/"


#: What each action does, and the inputs that are known here.
KNOWN: Final[Mapping[str, tuple[Callable[[Place, Inputs], None], set[str]]]] = {
    "actions/checkout": (checkout, {"repository", "ref", "path", "fetch-depth", "persist-credentials"}),
    "astral-sh/setup-uv": (setup_uv, {"python-version", "activate-environment", "enable-cache"}),
    "actions/upload-artifact": (
        upload,
        {"name", "path", "include-hidden-files", "if-no-files-found", "overwrite"},
    ),
    "actions/download-artifact": (download, {"name", "pattern", "path"}),
    "actions/cache/restore": (restore, {"path", "key", "restore-keys"}),
    "actions/cache/save": (save, {"path", "key"}),
    "actions/upload-pages-artifact": (upload_page, {"path"}),
    "actions/deploy-pages": (deploy_page, set()),
}


def run(place: Place, uses: str, inputs: Mapping[str, Any]) -> None:
    """Do an action. Raises `ActionError` where the real one would fail, `LookupError` for what isn't known here."""
    name, _, ref = uses.partition("@")
    if len(ref) != 40 or set(ref) - set("0123456789abcdef"):
        raise LookupError(f"{uses}: not pinned by a commit")
    action, known = KNOWN[name]
    unknown = inputs.keys() - known
    if unknown:
        raise LookupError(f"{uses}: inputs that aren't known here: {unknown}")
    action(place, {key: str(value) for key, value in inputs.items()})
