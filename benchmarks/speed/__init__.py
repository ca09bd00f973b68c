"""How fast searches and their data are."""
