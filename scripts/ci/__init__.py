"""What the workflows do besides calling the project's ordinary commands: as code, with tests, not as shell in YAML.

`python -m scripts ci STEP` runs one; steps get their inputs by environment variables that start with ``CI_``.
"""
