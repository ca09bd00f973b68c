"""The commands: their arguments, and the words for what ends them."""
