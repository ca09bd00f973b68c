"""Measures a search's table of latencies, and how well its sums predict children."""

from mmdsnas.command_line.commands.measure_latency import main

if __name__ == '__main__':
    main()
