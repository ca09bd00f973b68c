"""Prints parameters and FLOPs of a network, in all and by stage."""

from mmdsnas.command_line.commands.get_flops import main

if __name__ == '__main__':
    main()
