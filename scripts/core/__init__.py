"""Foundations of the engine: errors, paths, processes, files, text. Imports nothing else of the project."""
