"""Hooks that lead a search through its stages."""
