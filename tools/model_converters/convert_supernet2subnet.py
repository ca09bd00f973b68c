"""Makes the child from any checkpoint of a search."""

from mmdsnas.command_line.commands.convert_supernet2subnet import main

if __name__ == '__main__':
    main()
