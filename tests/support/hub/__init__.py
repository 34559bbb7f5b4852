"""GitHub on this machine, as far as the workflows use it: a runner for their steps, artifacts, caches, issues.

It knows what these workflows need and refuses everything else, so that no step is passed over unseen.
"""
