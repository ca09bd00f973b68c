"""Hooks that write, load and resume checkpoints."""
