"""Hooks, by what they are for; ``priorities.py`` has their order."""
