"""Hooks that end a run which cannot be right."""
