"""Hooks for the statistics of BatchNorm."""
