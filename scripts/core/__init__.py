"""What the engine stands on: processes, files, text. Imports nothing of the project."""
