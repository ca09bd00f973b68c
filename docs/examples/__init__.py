"""Executes the examples of the documentation on small data: `make docs-test`."""
