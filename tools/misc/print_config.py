"""Prints a config with everything that it inherits."""

from mmdsnas.command_line.commands.print_config import main

if __name__ == '__main__':
    main()
