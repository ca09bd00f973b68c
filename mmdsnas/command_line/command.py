"""The command ``mmdsnas``, which a wheel brings: all tools under one name."""

import sys
from importlib import import_module

from mmdsnas.utils.words import nearest
from mmdsnas.versions import __version__

# The module of a command, and what it does; a new command is a line here.
COMMANDS = {
    'train': ('train', 'run a search, or train a child, from a config'),
    'test': ('test', 'test a checkpoint'),
    'flops': ('get_flops', 'print parameters and FLOPs of a network'),
    'export': ('export', 'make an ONNX or torch.export file of a child'),
    'report': ('report', 'make the page that shows what a run did'),
    'convert': ('convert_supernet2subnet', 'make the child from a checkpoint'),
    'latency': ('measure_latency', "measure a search's table of latencies"),
    'convert-official': ('convert_official', "turn the authors' checkpoint into ours"),
    'print-config': ('print_config', 'print a config with all that it inherits'),
    'resize-images': ('resize_images', 'copy a data set with smaller images'),
}


def usage() -> str:
    """What there is, a line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f'  {name:{width}}{what}' for name, (_, what) in COMMANDS.items()]
    return '\n'.join(
        [
            'usage: mmdsnas COMMAND ...',
            '',
            *lines,
            '',
            'mmdsnas COMMAND --help tells more; mmdsnas --version the version.',
        ]
    )


def main() -> None:
    """Runs the command that is named first on the command line."""
    name, *rest = sys.argv[1:] or ['--help']
    if name in ('-h', '--help'):
        print(usage())
        return
    if name == '--version':
        print(__version__)
        return
    if name not in COMMANDS:
        print(
            f'error: mmdsnas has no command {name!r}{nearest(name, COMMANDS)}.',
            file=sys.stderr,
        )
        sys.exit(2)
    # As a parser shows it.
    sys.argv = [f'mmdsnas {name}', *rest]
    import_module(f'mmdsnas.command_line.commands.{COMMANDS[name][0]}').main()


if __name__ == '__main__':
    main()
