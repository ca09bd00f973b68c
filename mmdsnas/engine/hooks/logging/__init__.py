"""Hooks that tell what a run does."""
