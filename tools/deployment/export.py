"""Exports the child of a checkpoint to a file that runs without OpenMMLab."""

from mmdsnas.command_line.commands.export import main

if __name__ == '__main__':
    main()
