"""What integration tests need: synthetic wheels, a local package index, and a copy of the project to run."""
