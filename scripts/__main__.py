"""Run a command: ``python -m scripts NAME``."""

from scripts.cli import main

raise SystemExit(main())
