"""The command ``mmdsnas``, which a wheel brings: all tools under one name."""

import argparse
import sys
from importlib import import_module

from mmdsnas.versions import __version__

# The module of a command, and what it does; a new command is a line here.
COMMANDS = {
    'train': ('train', 'run a search, or train a child, from a config'),
    'test': ('test', 'test a checkpoint'),
    'flops': ('get_flops', 'print parameters and FLOPs of a network'),
    'export': ('export', 'make an ONNX or torch.export file of a child'),
    'pick': ('pick', 'say what a search knows of a child within another limit'),
    'report': ('report', 'make the page that shows what a run did'),
    'convert': ('convert_supernet2subnet', 'make the child from a checkpoint'),
    'latency': ('measure_latency', "measure a search's table of latencies"),
    'convert-official': ('convert_official', "turn the authors' checkpoint into ours"),
    'print-config': ('print_config', 'print a config with all that it inherits'),
    'resize-images': ('resize_images', 'copy a data set with smaller images'),
}


def main() -> None:
    """Runs the command that is named first on the command line."""
    width = max(map(len, COMMANDS)) + 2
    parser = argparse.ArgumentParser(
        'mmdsnas',
        usage='%(prog)s COMMAND ...',
        description='%(prog)s COMMAND --help tells more.',
        epilog='\n'.join(f'  {n:{width}}{what}' for n, (_, what) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=__version__)
    parser.add_argument('command', choices=COMMANDS, help=argparse.SUPPRESS)
    name = parser.parse_args(sys.argv[1:2] or ['--help']).command
    # As a parser shows it.
    sys.argv[:2] = [f'mmdsnas {name}']
    import_module(f'mmdsnas.command_line.commands.{COMMANDS[name][0]}').main()


if __name__ == '__main__':
    main()
