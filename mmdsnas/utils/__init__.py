"""Helpers that belong to no single part of the search."""

from .paths import config_root, find_config, find_subnet
