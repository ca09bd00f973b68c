"""The commands, each a module with a ``main``; ``tools/`` has a script for each."""
