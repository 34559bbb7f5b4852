"""Support for tests: synthetic wheels, a local package index, a copy of the project to run, an emulation of GitHub."""
