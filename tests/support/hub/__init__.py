"""A local emulation of GitHub for the workflows: a runner, artifacts, caches, pages, issues and pull requests.

It supports what the workflows use and refuses everything else, so that no step is ignored.
"""
