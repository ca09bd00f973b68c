"""Says what a search with several limits knows of a child within another one."""

from mmdsnas.command_line.commands.pick import main

if __name__ == '__main__':
    main()
