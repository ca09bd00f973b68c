"""Turns a checkpoint of the DSNAS authors' code into one of mmdsnas."""

from mmdsnas.command_line.commands.convert_official import main

if __name__ == '__main__':
    main()
