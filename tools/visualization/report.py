"""Writes the report of a run, or of several side by side: a page that opens offline."""

from mmdsnas.command_line.commands.report import main

if __name__ == '__main__':
    main()
