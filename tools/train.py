"""Runs a search, or trains a child, from a config."""

from mmdsnas.command_line.commands.train import main

if __name__ == '__main__':
    main()
