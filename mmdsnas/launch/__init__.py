"""Fits a config to data, options and machine, and starts a run with it."""
