"""Renderings of a bisection: as text, Markdown and JSON, and as lines while it runs."""
