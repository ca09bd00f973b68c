"""What the tools share: arguments, and fitting a config to a run."""
