"""A program ``gh`` that stores issues and pull requests in a file, and checks permissions as GitHub does.

The steps run it as a program; ``FAKE_GH_STATE`` names the file. The text of a token is its permissions, as the runner
writes it: ``contents=read,issues=write``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Execute the command line; return the exit code."""
    kind, verb, *rest = sys.argv[1:]
    path = Path(os.environ["FAKE_GH_STATE"])
    state: dict[str, Any] = json.loads(path.read_text("utf-8"))
    state["calls"].append(sys.argv[1:])
    options = _parser().parse_args(rest)
    try:
        print(_execute(state, kind, verb, options))
    except PermissionError as error:
        print(f"HTTP 403: Resource not accessible by integration ({error})", file=sys.stderr)
        return 1
    finally:
        path.write_text(json.dumps(state, indent=1), "utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("target", nargs="?")
    for name in ("label", "state", "limit", "json", "title", "body-file", "head", "comment", "description"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--force", action="store_true")
    return parser


def _require(permission: str) -> None:
    granted = dict(part.split("=") for part in os.environ.get("GH_TOKEN", "").split(",") if part)
    if granted.get(permission) != "write":
        raise PermissionError(permission)


def _execute(state: dict[str, Any], kind: str, verb: str, options: argparse.Namespace) -> str:
    match kind, verb:
        case "auth", "setup-git":
            _require("contents")
            return ""
        case "label", "create":
            _require("issues")
            state["labels"].append(options.target)
            return ""
        case (("issue" | "pr"), _):
            _require("issues" if kind == "issue" else "pull-requests")
            return _execute_on_item(state["issues" if kind == "issue" else "pulls"], kind, verb, options)
        case _:
            pass
    raise SystemExit(f"gh: {kind} {verb} is not supported here")


def _execute_on_item(items: list[dict[str, Any]], kind: str, verb: str, options: argparse.Namespace) -> str:
    fields = {name: value for name in ("title", "label", "head") if (value := getattr(options, name)) is not None}
    if verb == "list":
        found = [item for item in items if item["state"] == "open" and fields.items() <= item.items()]
        return json.dumps([{name: item[name] for name in options.json.split(",")} for item in found])
    if verb == "create":
        items.append({"number": len(items) + 1, "state": "open", **fields, "body": sys.stdin.read(), "comments": []})
        return f"https://github.example/{kind}/{len(items)}"
    item = next(item for item in items if str(item["number"]) == options.target)
    if verb == "edit":
        item |= {**fields, "body": sys.stdin.read()}
    elif verb == "close":
        item["state"] = "closed"
        item["comments"].append(options.comment)
    else:
        raise SystemExit(f"gh: {kind} {verb} is not supported here")
    return f"https://github.example/{kind}/{item['number']}"


if __name__ == "__main__":
    sys.exit(main())
