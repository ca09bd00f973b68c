"""Tests a checkpoint: the child of a search, or a child alone."""

from mmdsnas.command_line.commands.test import main

if __name__ == '__main__':
    main()
