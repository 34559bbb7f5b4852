"""The steps of the workflows that are more than a call of a command: tested code instead of shell in YAML.

`python -m scripts ci STEP` runs a step. Its inputs are environment variables that start with ``CI_``.
"""
