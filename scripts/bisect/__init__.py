"""Searching for the release where a behaviour changed."""
