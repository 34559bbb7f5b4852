"""A cell from lock to record: environment, probes, and many of them at once."""
