"""``python -m scripts``."""

from scripts.cli import main

raise SystemExit(main())
