"""Runs that choose their child, of a few steps each."""

import csv
import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmdsnas import load_child, predict
from mmdsnas.engine import choice_record
from mmdsnas.engine.contenders import Contender
from mmdsnas.engine.hooks.stage import choose_child_hook
from mmdsnas.errors import ConfigError
from mmdsnas.models.mutables import blocks_of
from tests import small_choice
from tests.small_choice import SIZE, SIZES, ColouredPictures, config_of
from tests.small_search import run
from tests.toy_run import same

SGD = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
CONSTRUCTOR = 'SearchOptimWrapperConstructor'
EMA = dict(type='EMAHook', momentum=0.3)
# Runs that are killed: of averaged weights and gradients that wait; of a search stage.
KINDS = {
    'ema': {
        'default_hooks__ema': EMA,
        'optim_wrapper': dict(
            constructor=CONSTRUCTOR,
            architecture=dict(**SGD, accumulative_counts=2),
            mutator=dict(**SGD, accumulative_counts=2),
        ),
        'default_hooks__report': None,
    },
    'buffers': {'default_hooks__ema': dict(**EMA, update_buffers=True)},
    'search': {'model__finetune_epochs': 2},
}


def lines_of(work):
    with open(work / 'choice.csv', newline='') as file:
        return list(csv.DictReader(file))


def saved(work, epoch):
    return torch.load(work / f'epoch_{epoch}.pth', weights_only=True)


@pytest.fixture(scope='module')
def chosen(tmp_path_factory):
    """A run that chooses, with small images as the only ones within the limit."""
    work = tmp_path_factory.mktemp('chosen') / 'work'
    runner = run(config_of(work, model__cost=dict(limit='17.5%')))
    return runner.model, work


@pytest.mark.slow
def test_the_child_is_within_the_limit_at_its_size(chosen):
    algorithm, work = chosen
    child, lines = algorithm.mutator.derive_child(), lines_of(work)
    assert algorithm.mutator.fixed == child
    limit = algorithm.cost_term.limits['flops']
    found = {(line['input_size'], line['path']) for line in lines}
    assert len(found) == len(lines) > 4
    # To four places.
    assert all(float(line['mflops']) < limit + 5e-5 for line in lines)
    winner = (str(algorithm.child_edge), ' '.join(child.values()))
    assert winner in found and algorithm.child_edge < SIZE
    # Three finalists, of which two were trained on; nobody else was.
    rounds = [len(line['losses'].split()) for line in lines]
    assert rounds == [2, 2, 1, *[0] * (len(lines) - 3)]
    assert (lines[0]['input_size'], lines[0]['path']) == winner
    # The network, the trials and the child had images of their own size.
    edges = algorithm.architecture.backbone.edges
    assert edges[:3] == [SIZE] * 3 and edges[-6:] == [algorithm.child_edge] * 6


@pytest.mark.slow
def test_the_file_of_the_child_has_its_size(chosen):
    algorithm, work = chosen
    edge = algorithm.child_edge
    meta = torch.load(work / 'subnet.pth', weights_only=True)['meta']
    assert tuple(meta['input_shape']) == (1, 3, edge, edge)
    assert meta['mflops'] <= algorithm.cost_term.limits['flops']
    assert {'metrics', 'test_metrics'} <= meta.keys()
    config = meta['child_config']
    assert tuple(config['model']['input_shape']) == (1, 3, edge, edge)
    *_, resize, _ = config['test_dataloader']['dataset']['pipeline']
    assert tuple(resize['scale']) == (edge, edge)

    child, seen = load_child(work), []
    assert not blocks_of(child) or all(b.is_fixed for b in blocks_of(child).values())
    child.backbone.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape))
    image = ColouredPictures(pipeline=[])[0]['img']
    (found,) = predict(child, [np.kron(image, np.ones((2, 2, 1), np.uint8))])
    assert seen[0][-2:] == (edge, edge) and found.scores.sum() == pytest.approx(1)
    # As the search's own weights of the child.
    x = torch.randn(2, 3, edge, edge)
    algorithm.eval()
    with torch.no_grad():
        assert torch.equal(algorithm(x, mode='tensor'), child(x, mode='tensor'))


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_run_goes_on_to_the_same(tmp_path, monkeypatch, kind):
    """Killed before the choice, it chooses the same; after it, not again."""
    chosen, settle = [], choose_child_hook.tell_choice
    monkeypatch.setattr(
        choose_child_hook,
        'tell_choice',
        lambda runner, *args: chosen.append(runner.epoch) or settle(runner, *args),
    )
    whole = tmp_path / 'whole'
    run(config_of(whole, **KINDS[kind]))
    for epoch, times in ((1, 1), (2, 0)):
        work = tmp_path / f'after_{epoch}'
        work.mkdir()
        shutil.copy(whole / f'epoch_{epoch}.pth', work)
        chosen.clear()
        path = str(work / f'epoch_{epoch}.pth')
        run(config_of(work, **KINDS[kind]), resume=path)
        assert chosen == [1] * times
        if times:
            assert lines_of(work) == lines_of(whole)
        ends = [saved(folder, 3) for folder in (whole, work)]
        for name in ('state_dict', 'ema_state_dict', 'optimizer'):
            assert same(*(dict(end.get(name, {})) for end in ends)), name
        children = [
            torch.load(folder / 'subnet.pth', weights_only=True)['state_dict']
            for folder in (whole, work)
        ]
        assert same(*map(dict, children)) and len(children[0]) > 5


def test_a_table_that_cannot_be_written_ends_no_run(tmp_path, monkeypatch, messages):
    (tmp_path / 'choice.csv').mkdir()
    monkeypatch.setattr(choice_record, 'algorithm_of', lambda runner: None)
    monkeypatch.setattr(choice_record, 'named', lambda algorithm, path: str(path))
    winner = Contender('full', 32, dict(a='b'), 1.0, 0.1, [0.5])
    runner = SimpleNamespace(work_dir=str(tmp_path), logger=logging.getLogger())
    choice_record.tell_choice(runner, [winner], winner, 'float32')
    assert 'choice.csv cannot be written' in messages[-1]


@pytest.mark.slow
def test_a_search_begins_at_the_winner(tmp_path):
    """With the weights of before: the trials leave none."""
    kept = {}

    def keep(hook, runner):
        model = getattr(runner.model, 'module', runner.model)
        kept.setdefault('before', {k: v.clone() for k, v in model.state_dict().items()})
        original(hook, runner)
        kept.setdefault('after', {k: v.clone() for k, v in model.state_dict().items()})
        kept.setdefault('child', model.mutator.derive_child())
        kept.setdefault('argmax', [int(p.argmax()) for p in model.mutator.parameters()])

    cls = choose_child_hook.ChooseChildHook
    original = cls.before_train_epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cls,
            'before_train_epoch',
            lambda self, runner: (keep if runner.epoch == 1 else original)(
                self, runner
            ),
        )
        runner = run(
            config_of(
                tmp_path,
                model__finetune_epochs=2,
                model__distillation=None,
                train_cfg__max_epochs=2,
            )
        )
    assert runner.model.mutator.free
    winner = lines_of(tmp_path)[0]
    assert ' '.join(kept['child'].values()) == winner['path']
    choices = ['full', 'small', 'skip']
    assert ' '.join(choices[k] for k in kept['argmax']) == winner['path']
    changed = {k for k, v in kept['after'].items() if not same(v, kept['before'][k])}
    assert {'mutator._arch_params.module_0'} <= changed
    # Smaller candidates begin with the normalization of the network.
    norms = {k for k in changed if '_candidates.small.' in k and '.bn.' in k}
    assert norms and changed - norms <= {
        'input_size',
        *(f'mutator._arch_params.module_{i}' for i in range(2)),
    }


@pytest.mark.slow
def test_what_nothing_competes_for(tmp_path):
    """The child is the network if it may be; of one finalist nothing is trained."""
    for cost in (None, dict(limit='100%')):
        none = tmp_path / f'{cost}'
        algorithm = run(config_of(none, model__cost=cost)).model
        assert set(algorithm.mutator.fixed.values()) == {'full'}
        assert algorithm.child_edge == SIZE and not (none / 'choice.csv').exists()

    one = tmp_path / 'one'
    algorithm = run(config_of(one, dict(num_finalists=1))).model
    lines = lines_of(one)
    assert not any(line['losses'] for line in lines)
    nearest = min(lines, key=lambda line: float(line['distance']))
    assert nearest['path'] == ' '.join(algorithm.mutator.fixed.values())
    assert int(nearest['input_size']) == algorithm.child_edge
    # Those of a step that is tried out, of the network and of the child.
    edges = [SIZE] * 4 + [algorithm.child_edge] * 6
    assert algorithm.architecture.backbone.edges == edges


@pytest.mark.slow
@pytest.mark.parametrize('fixed', [['small', None], ['small', 'skip']])
def test_what_is_fixed_before_stays(tmp_path, fixed):
    """The size is chosen still, unless all of it is within the limit."""
    work = tmp_path / 'work'
    config = config_of(work, train_cfg__max_epochs=2)
    search = small_choice.algorithm_of(input_sizes=SIZES, distillation={})
    path = {n: c for n, c in zip(search.mutator.free, fixed) if c}
    search.mutator.fix(path)
    torch.save(dict(state_dict=search.state_dict()), tmp_path / 'weights.pth')
    config.load_from = str(tmp_path / 'weights.pth')
    algorithm = run(config).model
    assert path.items() <= algorithm.mutator.fixed.items()
    assert not algorithm.mutator.free
    if all(fixed):
        assert algorithm.child_edge == SIZE and not (work / 'choice.csv').exists()
        return
    lines = lines_of(work)
    assert all(line['path'].startswith(fixed[0]) for line in lines)
    assert {int(line['input_size']) for line in lines} == set(SIZES)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(model__pretrain_path='sampled'), "but they are 'sampled' and 1"),
        (dict(model__pretrain_epochs=0), "but they are 'first' and 0"),
        (dict(train_cfg__max_epochs=1), 'below train_cfg.max_epochs, 1,'),
        (dict(custom_hooks=[]), 'model.distillation must have a ChooseChildHook'),
        (
            dict(
                train_dataloader__dataset=dict(
                    pipeline=[
                        dict(type='mmcls.PackClsInputs', meta_keys=('sample_shape',))
                    ]
                )
            ),
            r'model\.distillation must have training images .* sample_idx',
        ),
        (
            dict(val_dataloader=None, val_cfg=None, val_evaluator=None),
            'model.distillation must have a validation',
        ),
        (
            dict(
                model__data_preprocessor=dict(
                    type='mmcls.ClsDataPreprocessor',
                    num_classes=3,
                    batch_augments=dict(augments=dict(type='Mixup', alpha=0.2)),
                ),
                data_preprocessor=None,
            ),
            'model.distillation must have no batch_augments',
        ),
    ],
)
def test_what_is_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        run(config_of(tmp_path / 'work', **options))
    assert not (tmp_path / 'work' / 'epoch_1.pth').exists()


@pytest.mark.slow
@pytest.mark.parametrize('number', [1, 3])
def test_finalists_may_be_judged_in_int8(tmp_path, number):
    hook = dict(deploy='int8', num_finalists=number)
    config = config_of(
        tmp_path,
        hook,
        model__cost=dict(limit='60%'),
        default_hooks__report=dict(type='ReportHook'),
        visualizer=dict(
            type='mmcls.ClsVisualizer', vis_backends=[dict(type='LocalVisBackend')]
        ),
        log_level='INFO',
    )
    run(config)
    page = (tmp_path / 'report.html').read_text()
    assert ('short training and in int8' in page) == (number > 1)
    judged = [line['judged'] for line in lines_of(tmp_path) if line['losses']]
    # A single one is trained for nothing.
    assert judged == ['int8'] * (number if number > 1 else 0)
    log = ''.join(file.read_text() for file in tmp_path.rglob('*.log'))
    assert ('Losses of held-out images are those in int8.' in log) == (number > 1)
