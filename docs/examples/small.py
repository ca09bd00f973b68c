"""Makes the commands of the documentation small, and runs them.

Stands in the PATH of a block under the names of ``COMMANDS``: each takes the arguments
that are written in the documentation and gives those to run. What the tables do not
name is run as it is written.
"""

import os
import re
import socket
import sys

# Options of a search, of the training of a child, and of both by the data.
SEARCH = (
    'train_cfg.max_epochs=3',
    'model.pretrain_epochs=1',
    'model.finetune_epochs=2',
    'default_hooks.logger.interval=1',
)
UNIFORM = (*SEARCH, 'model.pretrain_epochs=2')
CHILD = ('train_cfg.max_epochs=1',)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
FEW = tuple(f'{loader}.dataset.indices=16' for loader in LOADERS)
NO_WORKERS = tuple(f'{loader}.num_workers=0' for loader in LOADERS)
BATCHES = tuple(f'{loader}.batch_size=8' for loader in LOADERS)
EVALUATION = tuple(
    f'{loader}.dataset.pipeline.{size}'
    for loader in LOADERS[1:]
    for size in ('1.scale=36', '2.crop_size=32')
)
DATA = {
    'digits': FEW,
    'fashion-mnist': FEW,
    'in1k': (
        'train_dataloader.dataset.indices=16',
        'train_dataloader.dataset.pipeline.1.scale=32',
        *EVALUATION,
    ),
}
# What else a config needs to be small, by the beginning of its name.
MORE = {
    'random_': ('custom_hooks.11.strategy.num_paths=2',),
    'spos_supernet': (
        'custom_hooks.11.strategy.population=2',
        'custom_hooks.11.strategy.top=2',
        'custom_hooks.11.strategy.num_mutation=1',
        'custom_hooks.11.strategy.num_crossover=1',
        'custom_hooks.11.strategy.generations=1',
        'custom_hooks.11.dataloader.num_workers=0',
        'custom_hooks.11.dataloader.persistent_workers=False',
        'custom_hooks.11.dataloader.dataset.indices=16',
    ),
}


def train(args):
    name = stem(args[0])
    search = '_subnet_' not in name and not re.search('finetune|240', name)
    stages = UNIFORM if name.startswith(('random_', 'spos_')) else SEARCH
    more = [
        o for start, options in MORE.items() for o in options if name.startswith(start)
    ]
    return options(args, *(stages if search else CHILD), *data(name), *more)


def test(args):
    return options(args, *(o for o in data(stem(args[0])) if o.startswith('test_')))


def data(name):
    found = (
        o for kind, options in DATA.items() if name.endswith(kind) for o in options
    )
    return (*NO_WORKERS, *BATCHES, *found)


def options(args, *more):
    """With options of the config, which take the place of those that are there."""
    return [*args, '--cfg-options', *more]


def stem(config):
    return os.path.basename(config).removesuffix('.py')


def pytest(args):
    return args if any(a.startswith('tests') for a in args) else [*args, ONE_TEST]


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


def append(*more):
    return lambda args: [*args, *more]


def without_sum(args):
    """The file has the authors' names, but not their weights."""
    position = args.index('--md5') if '--md5' in args else len(args)
    return args[:position] + args[position + 2 :]


ONE_TEST = 'tests/test_versions.py'
# What python runs: a module behind -m, or a script.
MODULES = {
    'pytest': pytest,
    'tests.resume': resume,
    'torch.distributed.run': distributed,
    'benchmarks.quality.rewards': append('--steps', '8'),
    'benchmarks.quality.steps': append('--rounds', '2'),
    'benchmarks.speed.bench': append(
        *('--rounds', '1', '--warmup', '1', '--paths', '1'),
        *('--batch-size', '2', '--image-size', '32', '--only', 'steps'),
    ),
}
SCRIPTS = {
    'tools/train.py': train,
    'tools/test.py': test,
    'tools/analysis_tools/measure_latency.py': append(
        *('--paths', '2', '--cfg-options'),
        'model.resource_estimator.latency.repeats=2',
    ),
    'tools/model_converters/convert_official.py': without_sum,
}


def script(name, args):
    for known, smaller in SCRIPTS.items():
        if name.endswith(known):
            return smaller(args)
    return args


def python(args):
    if '-m' in args:
        position = args.index('-m') + 2
        smaller = MODULES.get(args[position - 1], list)
        args = [*args[:position], *smaller(args[position:])]
    else:
        position = next((i for i, a in enumerate(args) if a.endswith('.py')), len(args))
        name = args[position : position + 1]
        args = [*args[:position], *name, *script(''.join(name), args[position + 1 :])]
    return [sys.executable, *args]


def pip(args):
    """Says what it would install, from what is there."""
    dry = ['--dry-run', '--no-deps', '--no-build-isolation'] * (args[0] == 'install')
    return [sys.executable, '-m', 'pip', args[0], *dry, *args[1:]]


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
    'pip': pip,
    'tensorboard': tensorboard,
    'mpirun': launched(OMPI_COMM_WORLD_RANK='0', OMPI_COMM_WORLD_SIZE='1'),
    'srun': launched(SLURM_PROCID='0', SLURM_NTASKS='1'),
}

if __name__ == '__main__':
    command = COMMANDS[sys.argv[1]](sys.argv[2:])
    # A command that sets PYTHONPATH still finds what the checkout has.
    paths = [os.environ.get('PYTHONPATH'), os.environ['DOCS_TEST_ROOT']]
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, paths))
    print('+', *command[1:], file=sys.stderr, flush=True)
    os.execv(command[0], command)
