"""Every ImageNet config trains and validates; a search and its child on two ranks."""

import argparse
import re

import pytest
import torch

from mmdsnas import train as train_in_process
from mmdsnas.command_line.arguments import Options
from mmdsnas.launch.searching import own_instances
from mmdsnas.subnets import read_subnet
from tests.jpegs import annotated, plain_folders
from tests.test_tools.conftest import ROOT
from tests.test_tools.test_launchers import free_port
from tests.test_tools.test_launchers import run as run_script
from tests.test_tools.test_train import log_of

OFFICIAL_SEARCH = 'dsnas_official-supernet_8xb128_in1k'
# Stages of one epoch, as far as the config has them.
SEARCHES = {
    'dsnas_supernet_8xb128_in1k': (
        ('pretrain', 'search', 'finetune'),
        ('model.pretrain_epochs=1', 'model.finetune_epochs=2'),
    ),
    # A small learning rate, so that what goes on from there stays near.
    OFFICIAL_SEARCH: (
        ('search',),
        ('optim_wrapper.architecture.optimizer.lr=5e-6',),
    ),
    'spos_official-supernet_8xb128_in1k': (
        ('pretrain',),
        ('model.pretrain_epochs=1', 'model.finetune_epochs=1'),
    ),
}
FROM_SEARCH = (
    'dsnas_official-finetune_8xb128_in1k',
    'dsnas_official-search240_8xb128_in1k',
)
CHILDREN = {
    'dsnas_subnet_8xb128_in1k': 'dsnas_openmmlab',
    'dsnas_official-retrain240_8xb128_in1k': 'dsnas_official',
    'spos_official-retrain240_8xb128_in1k': 'spos_official',
}
CONFIGS = (*SEARCHES, *FROM_SEARCH, *CHILDREN)
CLASSES = ('n01440764', 'n01443537')
TWO_RANKS = ('dsnas_supernet_8xb128_in1k', 'dsnas_official-finetune_8xb128_in1k')


def runs(configs):
    """All of them on one process, and some on two."""
    both = [(c, n) for c in configs for n in (1, 2) if n == 1 or c in TWO_RANKS]
    return pytest.mark.parametrize(('config', 'processes'), both)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Both layouts of ImageNet, with JPEGs of 40 x 50 pixels."""
    root = tmp_path_factory.mktemp('images')
    annotated(root / 'annotated', train=8, val=4, wnids=CLASSES)
    plain_folders(root / 'folders', train=8, val=4, wnids=CLASSES)
    return root


@pytest.fixture(scope='module')
def train(images, tmp_path_factory):
    """Runs a config for two iterations in each epoch, each time once.

    Returns:
        Callable: Takes the config, the number of processes and more options;
        returns the work directory and what was printed.
    """
    done = {}

    def run(config, processes, epochs, *more):
        key = config, processes
        if key not in done:
            work_dir = tmp_path_factory.mktemp('run')
            # The layouts take turns.
            layout = ('annotated', 'folders')[processes - 1]
            options = [
                *small(images / layout, processes),
                f'train_cfg.max_epochs={epochs}',
                *more,
            ]
            if processes == 1:
                # In this process, which has imported everything already.
                with own_instances():
                    train_in_process(config, work_dir, options=parsed(options))
            else:
                script = ROOT / 'tools' / 'dist_train.sh'
                args = (config, 2, '--work-dir', work_dir, '--cfg-options', *options)
                run_script(script, *args, cwd=work_dir, PORT=free_port())
            (log,) = work_dir.glob('*/*.log')
            done[key] = work_dir, log.read_text()
        return done[key]

    return run


def parsed(options):
    """Options of the command line as the command hands them on."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=Options)
    return parser.parse_args(['--cfg-options', *options]).cfg_options


def small(data_root, processes):
    """The options of the dry run in the guide, for so many processes."""
    text = (ROOT / 'docs/en/user_guides/imagenet.md').read_text()
    (command,) = re.findall(r'## A dry run.*?```shell\n(.*?)```', text, re.DOTALL)
    own = ('data_root', 'train_cfg', 'model.', 'train_dataloader.dataset.indices')
    return (
        f'data_root={data_root}',
        f'train_dataloader.dataset.indices={8 * processes}',
        *(w for w in command.split() if '=' in w and not w.startswith(own)),
    )


def check_logs(work_dir, epochs):
    """Two iterations and a validation in each epoch; returns the iterations."""
    lines = log_of(work_dir)
    trained = [line for line in lines if 'loss' in line]
    assert [(line['epoch'], line['step']) for line in trained] == [
        (1 + i // 2, 1 + i) for i in range(2 * epochs)
    ]
    assert all(0 < line['loss'] < 20 for line in trained)
    validated = [line for line in lines if 'accuracy/top1' in line]
    assert [line['step'] for line in validated] == list(range(1, epochs + 1))
    for line in validated:
        assert 0 <= line['accuracy/top1'] <= line['accuracy/top5'] <= 100
    return trained


def loaded(work_dir, epoch):
    return torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)


@runs(SEARCHES)
def test_search(train, config, processes):
    stages, options = SEARCHES[config]
    work_dir, printed = train(config, processes, len(stages), *options)
    trained = check_logs(work_dir, len(stages))
    for epoch, stage in enumerate(stages, 1):
        assert f'Stage {stage} from epoch {epoch}.' in printed
    assert all('task.loss' in line for line in trained)
    # The authors' searches alone have a limit.
    assert ('cost.loss' in trained[0]) == (config == OFFICIAL_SEARCH)
    last = loaded(work_dir, len(stages))
    child = torch.load(work_dir / 'subnet.pth', weights_only=True)
    assert last['meta']['subnet'] == child['meta']['subnet']
    assert child['meta']['subnet'] == read_subnet(work_dir / 'subnet.yaml')
    alphas = [
        alpha for name, alpha in last['state_dict'].items() if '_arch_params' in name
    ]
    assert len(alphas) == 20
    untouched = all((alpha == alpha[0]).all() for alpha in alphas)
    assert untouched == (config == 'spos_official-supernet_8xb128_in1k')


@runs(FROM_SEARCH)
def test_child_of_a_search(train, config, processes):
    """The child, its weights and the learning rate come from the checkpoint."""
    search, _ = train(OFFICIAL_SEARCH, 1, 1, *SEARCHES[OFFICIAL_SEARCH][1])
    work_dir, _ = train(config, processes, 1, f'load_from={search / "epoch_1.pth"}')
    trained = check_logs(work_dir, 1)
    before, after = loaded(search, 1), loaded(work_dir, 1)
    lr = before['optimizer']['architecture']['param_groups'][0]['lr']
    assert trained[0]['lr'] == pytest.approx(lr)
    assert 0 < lr < 5e-6
    assert after['meta']['subnet'] == before['meta']['subnet']
    moved = {}
    for name, weight in after['state_dict'].items():
        if name.endswith('.weight'):
            start = before['state_dict'][f'architecture.{name}']
            moved[name] = float((weight - start).norm() / start.norm())
    assert 0 < max(moved.values()) < 0.1, moved


@runs(CHILDREN)
def test_child_from_scratch(train, config, processes):
    work_dir, _ = train(config, processes, 1)
    check_logs(work_dir, 1)
    assert loaded(work_dir, 1)['meta']['subnet'] == read_subnet(CHILDREN[config])


@pytest.mark.parametrize('processes', [1, 2])
def test_evaluation_gives_the_accuracy_of_the_last_validation(
    train, images, run_tool, tmp_path, processes
):
    search, _ = train(OFFICIAL_SEARCH, 1, 1, *SEARCHES[OFFICIAL_SEARCH][1])
    config = FROM_SEARCH[0]
    work_dir, _ = train(config, 2, 1, f'load_from={search / "epoch_1.pth"}')
    validated = [line for line in log_of(work_dir) if 'accuracy/top1' in line][-1]
    args = (config, work_dir / 'epoch_1.pth')
    options = ('--cfg-options', *small(images / 'folders', processes))
    if processes == 1:
        finished = run_tool('test.py', *args, *options, cwd=tmp_path)
    else:
        script = ROOT / 'tools' / 'dist_test.sh'
        args = (*args, processes, *options)
        finished = run_script(script, *args, cwd=tmp_path, PORT=free_port())
    for metric in ('accuracy/top1', 'accuracy/top5'):
        assert f'{metric}: {validated[metric]:.4f}' in finished.stdout.splitlines()
