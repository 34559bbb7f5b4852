"""Write the schemas, or check that they are current."""

from __future__ import annotations

import argparse
import sys

from scripts import schemas
from scripts.core import paths


def main() -> int:
    """Write or check the schemas; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.schemas", description=schemas.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a schema is outdated")
    check = parser.parse_args().check
    changed = schemas.outdated() if check else schemas.write()
    for path in changed:
        print(f"{path.relative_to(paths.ROOT)}: {'outdated; run python -m scripts.schemas' if check else 'written'}")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
