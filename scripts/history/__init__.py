"""Timelines, change points and the report model."""
