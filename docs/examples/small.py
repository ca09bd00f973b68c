"""Makes the commands of the documentation small, and runs them.

Stands in the PATH of a block under the names of ``COMMANDS``: each takes the arguments
that are written in the documentation and gives those to run. A module or a script that
the tables do not name is refused; ``as_written`` leaves its arguments as they are.
"""

import os
import socket
import sys

from .small_configs import test, train

INSTALLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'installed.py')


def pytest(args):
    """One test, or one page of the documentation."""
    if 'docs.examples.plugin' in args:
        return [*args[: args.index('README.md')], ONE_PAGE]
    chosen = any(arg.startswith(('tests', 'docs/en')) for arg in args)
    return args if chosen else [*args, ONE_TEST]


def resume(args):
    if '--kills' in args:
        return [*args, '--kills', '1', '1-fp32-0']
    return [*args, 'pretrain-1-fp32-0']


def distributed(args):
    """Two processes of this machine instead of those of one machine or several."""
    given = dict(
        nnodes=1, node_rank=0, master_addr='127.0.0.1', master_port=free_port()
    )
    position = next(i for i, arg in enumerate(args) if not arg.startswith('-'))
    return [
        *(f'--{name}={value}' for name, value in given.items()),
        '--nproc_per_node=2',
        args[position],
        *script(args[position], args[position + 1 :]),
    ]


def free_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


def bench(args):
    """Writes a file of its own, since one of another effort is refused."""
    return [
        *args,
        *('--rounds', '1', '--warmup', '1', '--paths', '1'),
        *('--batch-size', '2', '--image-size', '32'),
        *('--out', f'speed-{os.getpid()}.json'),
        *(() if '--only' in args else ('--only', 'table')),
    ]


def append(*more):
    return lambda args: [*args, *more]


as_written = append()


def without_sum(args):
    """The file has the authors' names, but not their weights."""
    position = args.index('--md5') if '--md5' in args else len(args)
    return args[:position] + args[position + 2 :]


ONE_TEST = 'tests/test_versions.py'
ONE_PAGE = 'docs/en/method.md'
# What python runs: a module behind -m, or a script by the name of its file.
MODULES = {
    # The steps have tests of their own, which take minutes.
    'benchmarks.gpu_check': append('--dry-run', '--only', 'import'),
    'benchmarks.gpu_check.wheels': append('--help'),
    'benchmarks.quality.quality': as_written,
    'benchmarks.quality.report': as_written,
    'benchmarks.quality.rewards': append('--steps', '8'),
    'benchmarks.quality.steps': append('--rounds', '2'),
    'benchmarks.quality.truth': as_written,
    'benchmarks.speed.bench': bench,
    'benchmarks.speed.page': as_written,
    # What is published is not run again.
    'benchmarks.starting': as_written,
    'pytest': pytest,
    'ruff': as_written,
    'sphinx': as_written,
    'tests.resume': resume,
    'torch.distributed.run': distributed,
}
SCRIPTS = {
    'classify.py': as_written,
    'convert_official.py': without_sum,
    'convert_supernet2subnet.py': as_written,
    'export.py': as_written,
    'get_flops.py': as_written,
    'measure_latency.py': append(
        *('--paths', '2', '--cfg-options'),
        'model.resource_estimator.latency.repeats=2',
    ),
    'pick.py': as_written,
    'print_config.py': as_written,
    'report.py': as_written,
    'resize_images.py': as_written,
    'test.py': test,
    'train.py': train,
}
# Where a command of mmdsnas has another name than its script.
COMMANDS_OF_SCRIPTS = {
    'convert': 'convert_supernet2subnet',
    'flops': 'get_flops',
    'latency': 'measure_latency',
}


def known(table, name):
    if name not in table:
        sys.exit(f'docs/examples/small.py does not say how {name} is made small.')
    return table[name]


def script(name, args):
    return known(SCRIPTS, os.path.basename(name))(args)


def python(args):
    if '-m' in args:
        position = args.index('-m') + 2
        if args[position - 1] == 'pip':
            return pip(args[position:])
        smaller = known(MODULES, args[position - 1])
        args = [*args[:position], *smaller(args[position:])]
    elif '-c' not in args:
        position = next(i for i, arg in enumerate(args) if arg.endswith('.py'))
        args = [*args[: position + 1], *script(args[position], args[position + 1 :])]
    return [sys.executable, *args]


def pip(args):
    """Looks whether what it would install is there."""
    if 'install' in args:
        args = args[args.index('install') + 1 :]
        return [sys.executable, INSTALLED, *args]
    return [sys.executable, '-m', 'pip', *args]


def mmdsnas(args):
    name = COMMANDS_OF_SCRIPTS.get(args[0], args[0].replace('-', '_'))
    module = 'mmdsnas.command_line.command'
    return [sys.executable, '-m', module, args[0], *script(f'{name}.py', args[1:])]


def tensorboard(args):
    """Prints what it would show."""
    return [sys.executable, '-m', 'tensorboard.main', '--inspect', *args]


def launched(**variables):
    """Runs the command of a launcher once, with the variables of one process."""

    def launch(args):
        position = next(i for i, arg in enumerate(args) if 'python' in arg)
        os.environ.update(variables, MASTER_PORT=str(free_port()))
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
        return python(args[position + 1 :])

    return launch


COMMANDS = {
    'python': python,
    'python3': python,
    'mmdsnas': mmdsnas,
    'pip': pip,
    'tensorboard': tensorboard,
    'mpirun': launched(OMPI_COMM_WORLD_RANK='0', OMPI_COMM_WORLD_SIZE='1'),
    'srun': launched(SLURM_PROCID='0', SLURM_NTASKS='1'),
}


def main():
    command = COMMANDS[sys.argv[1]](sys.argv[2:])
    # A command that sets PYTHONPATH still finds what the checkout has.
    paths = [os.environ.get('PYTHONPATH'), os.environ['DOCS_TEST_ROOT']]
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, paths))
    print('+', *command[1:], file=sys.stderr, flush=True)
    os.execv(command[0], command)
