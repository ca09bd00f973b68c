"""A short run on a toy, stopped at the end of an epoch and resumed.

The whole matrix of kills, through the command line, is in tests/resume.
"""

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmdsnas.engine.hooks.checkpoint import exact_resume_hook
from mmdsnas.errors import CheckpointError
from tests.toy import ToyNet, algorithm_of, block
from tests.toy_run import (
    Keep,
    NoisyVectors,
    Norm,
    loader,
    normed_net,
    runner_of,
    search_of,
)

EPOCHS = 4
LR = 'architecture.lr'
WARM = dict(type='LinearLR', start_factor=0.5, begin=0, end=1)
COSINE = dict(type='CosineAnnealingLR', begin=1, end=EPOCHS, T_max=EPOCHS - 1)
ITER_COSINE = dict(
    architecture=[dict(p, convert_to_iter_based=True) for p in (WARM, COSINE)],
    mutator=[],
)


def run(folder, resume=None, batch_size=6, accumulate=2, model=None, more=(), **kwargs):
    """Three iterations in each epoch, so that two do not divide them."""
    sgd = dict(
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9), accumulative_counts=accumulate
    )
    adam = dict(
        optimizer=dict(type='Adam', lr=0.1, betas=(0.5, 0.999)),
        accumulative_counts=accumulate,
    )
    options = dict(
        max_epochs=EPOCHS,
        train_dataloader=loader(noise=True, batch_size=batch_size),
        optim_wrapper=dict(
            constructor='SearchOptimWrapperConstructor', architecture=sgd, mutator=adam
        ),
        param_scheduler=ITER_COSINE,
        resume=resume is not None,
        load_from=None if resume is None else str(resume),
    )
    options.update(kwargs)
    hooks = [dict(type='ExactResumeHook'), dict(type='ResumeValidationHook'), *more]
    runner = runner_of(folder, hooks, model=model, **options)
    runner.train()
    return runner


def checkpoint(folder, epoch=EPOCHS):
    return torch.load(folder / 'work' / f'epoch_{epoch}.pth', weights_only=True)


def tensors(value, name=''):
    """All tensors and numbers of a checkpoint that are no times."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ('meta', 'runtime_info') and 'time' not in str(key):
                yield from tensors(part, f'{name}/{key}')
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from tensors(part, f'{name}/{i}')
    else:
        yield name, value


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    run(folder)
    return folder


@pytest.mark.parametrize('epoch', [1, 2, 3])
def test_a_resumed_run_is_the_whole_run(whole, tmp_path, epoch):
    """At the two boundaries of the stages, and after them."""
    resumed_is_whole(whole, tmp_path, epoch)


def test_a_resumed_run_has_the_statistics_of_validations(tmp_path):
    """Which norm_training adds to those of the training."""
    whole, resumed, without = (tmp_path / n for n in ('whole', 'resumed', 'without'))
    run(whole, model=search_of(norm_training=True))
    resumed_is_whole(whole, resumed, 2, model=search_of(norm_training=True))
    run(without)
    key = 'architecture.stem.bn.running_mean'
    last = [checkpoint(folder)['state_dict'][key] for folder in (whole, without)]
    assert not torch.equal(*last)


def resumed_is_whole(whole, folder, epoch, **kwargs):
    run(folder, whole / 'work' / f'epoch_{epoch}.pth', **kwargs)
    expected, found = (dict(tensors(checkpoint(f))) for f in (whole, folder))
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name].nan_to_num(), value.nan_to_num()), name
        else:
            assert found[name] == value, name


def test_epochs_and_ranks_have_states_of_their_own(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(exact_resume_hook, 'seed_all', seen.append)
    for rank in (0, 1):
        monkeypatch.setattr(exact_resume_hook, 'get_rank', lambda rank=rank: rank)
        run(tmp_path / str(rank), max_epochs=2)
    assert seen == [[3, 0, 0], [3, 1, 0], [3, 0, 1], [3, 1, 1]]


def test_an_interrupted_validation_is_made_up_for(whole, tmp_path):
    """The checkpoint of the last epoch is older than its validation."""
    runner = run(tmp_path, whole / 'work' / f'epoch_{EPOCHS}.pth')
    hub = runner.message_hub
    values = hub.get_scalar('val/toy/score').data[0]
    assert len(values) == EPOCHS
    # Another start with a checkpoint that knows of it does not repeat it.
    runner.save_checkpoint(str(tmp_path), 'after.pth', meta=dict(epoch=EPOCHS, iter=12))
    after = torch.load(tmp_path / 'after.pth', weights_only=True)
    assert after['meta']['run']['stage'] == 'finetune'
    # A function of it are the paths that a validation samples.
    assert runner.model.iteration == 11
    again = run(tmp_path / 'again', tmp_path / 'after.pth')
    assert (again.message_hub.get_scalar('val/toy/score').data[0] == values).all()


def test_no_validation_where_none_is_due(whole, tmp_path):
    cfg = dict(by_epoch=True, max_epochs=EPOCHS, val_interval=3)
    runner = run(tmp_path, whole / 'work' / 'epoch_2.pth', train_cfg=cfg)
    # Epoch 1 by the run before; 3, and 4 as the last one, by this one.
    assert len(runner.message_hub.get_scalar('val/toy/score').data[0]) == 3


def test_the_checkpoint_says_where_the_run_was(whole):
    state = checkpoint(whole, 3)['meta']['run']
    assert state['stage'] == 'finetune'
    assert list(state['fixed'].values()) == list(
        checkpoint(whole, 4)['meta']['run']['fixed'].values()
    )
    assert checkpoint(whole, 2)['meta']['run']['fixed'] == {}
    assert state['setting']['world_size'] == 1
    assert state['setting']['iterations_per_epoch'] == 3
    choices = [group['choices'] for group in state['search_space'].values()]
    assert choices == [['tanh', 'sine']] * 2


def test_another_number_of_iterations_keeps_the_schedule(whole, tmp_path, messages):
    """As after a start on another number of ranks."""
    epoch = 2
    runner = run(
        tmp_path, whole / 'work' / f'epoch_{epoch}.pth', batch_size=4, accumulate=1
    )
    (warning,) = [m for m in messages if 'not bit for bit' in m]
    assert 'iterations_per_epoch was 3 and is 4' in warning
    assert 'batch_size was 6 and is 4' in warning
    assert runner.iter == EPOCHS * 4
    lr = runner.message_hub.get_scalar(f'train/{LR}').data[0]
    plain = run(tmp_path / 'plain', batch_size=4, accumulate=1).message_hub
    expected = plain.get_scalar(f'train/{LR}').data[0]
    # The rates of the epochs that were resumed are those of a plain run.
    assert lr[-8:] == pytest.approx(expected[-8:], rel=0.1)
    assert lr[-1] < 0.2 * lr[-8]


def test_the_same_setting_says_nothing(whole, tmp_path, messages):
    run(tmp_path, whole / 'work' / 'epoch_3.pth')
    assert not [m for m in messages if 'bit for bit' in m or 'persistent' in m]


def other(num=2, **candidates):
    blocks = [block(**{n: Norm(f) for n, f in candidates.items()}) for _ in range(num)]
    net = ToyNet(blocks, stem=Norm(torch.relu))
    return algorithm_of(net, pretrain_epochs=1, finetune_epochs=2)


def grouped():
    groups = [['blocks.0', 'blocks.1']]
    return search_of(mutator=dict(type='DifferentiableMutator', custom_groups=groups))


@pytest.mark.parametrize(
    'model, sentence',
    [
        (lambda: other(tanh=torch.tanh, cosine=torch.cos), 'is tanh, cosine'),
        (lambda: other(tanh=torch.tanh), 'blocks.0 was tanh, sine and is tanh.$'),
        (lambda: other(1, tanh=torch.tanh, sine=torch.sin), 'blocks.1 was .* is None'),
        (grouped, 'other blocks share one alpha'),
    ],
)
def test_another_search_space_is_refused(whole, tmp_path, model, sentence):
    with pytest.raises(CheckpointError, match=sentence):
        run(tmp_path, whole / 'work' / 'epoch_2.pth', model=model())


def test_other_classes_are_refused(whole, tmp_path, monkeypatch):
    """Their weights fit, but mean something else."""
    path = tmp_path / 'named.pth'
    checkpoint = torch.load(whole / 'work' / 'epoch_2.pth', weights_only=False)
    checkpoint['meta']['dataset_meta'] = dict(classes=('ant', 'bee', 'cat'))
    torch.save(checkpoint, path)
    monkeypatch.setattr(NoisyVectors, 'metainfo', {}, raising=False)
    run(tmp_path / 'nameless', path)
    metainfo = dict(classes=('ant', 'cat', 'bee'))
    monkeypatch.setattr(NoisyVectors, 'metainfo', metainfo)
    with pytest.raises(CheckpointError, match='named.pth is of the classes'):
        run(tmp_path / 'others', path)


def test_changed_images_are_told(whole, tmp_path, messages):
    """Those of a folder, which a resumed run counts anew."""
    checkpoint = torch.load(whole / 'work' / 'epoch_2.pth', weights_only=False)
    checkpoint['meta']['run']['setting']['images'] = dict(train=dict(ant=3))
    torch.save(checkpoint, tmp_path / 'counted.pth')
    found = dict(images=dict(train=[['ant', 4]]))
    run(tmp_path, tmp_path / 'counted.pth', cfg=dict(own_images=dict(found=found)))
    told = "images was {'train': {'ant': 3}} and is {'train': {'ant': 4}}"
    assert any(told in message for message in messages)


def test_another_model_of_the_same_space_is_refused(whole, tmp_path):
    net = normed_net()
    net.head = torch.nn.Linear(net.head.in_features, 7)
    model = algorithm_of(net, pretrain_epochs=1, finetune_epochs=2)
    with pytest.raises(CheckpointError, match='head.weight has shape'):
        run(tmp_path, whole / 'work' / 'epoch_2.pth', model=model)


def test_workers_that_live_on_are_told(tmp_path, messages):
    data = dict(
        loader(noise=True, batch_size=8), num_workers=1, persistent_workers=True
    )
    run(tmp_path, train_dataloader=data, max_epochs=1)
    assert [m for m in messages if 'train_dataloader.persistent_workers' in m]


@pytest.mark.slow
def test_options_that_a_resume_keeps_are_told(whole, tmp_path, messages):
    def config(lr, counts):
        part = dict(optimizer=dict(lr=lr), accumulative_counts=counts)
        return dict(optim_wrapper=dict(architecture=part))

    def told(resume, lr, counts):
        folder = tmp_path / f'{lr}_{counts}'
        messages.clear()
        given = Keep('before_run', lambda r: r.cfg.update(config(lr, counts)), 1)
        run(folder, resume, more=[given], max_epochs=2)
        return folder / 'work' / 'epoch_1.pth', [
            m for m in messages if 'bit for bit' in m or 'without effect' in m
        ]

    first, said = told(None, 0.1, 2)
    assert said == []
    assert told(first, 0.1, 2.0)[1] == []
    _, (said,) = told(first, 0.2, 2)
    name = 'optim_wrapper.architecture.optimizer.lr'
    assert f'without effect: {name} was 0.1 and is 0.2.' in said
    _, (said,) = told(first, 0.1, 3)
    assert 'optim_wrapper.architecture.accumulative_counts was 2 and is 3' in said


@pytest.mark.slow
def test_a_loop_of_iterations_accumulates_over_all_of_them(tmp_path, monkeypatch):
    """An epoch of it, in mmengine's words, is the whole run."""
    model = normed_net()
    sgd = dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=3)
    runner = runner_of(
        tmp_path,
        [dict(type='ExactResumeHook')],
        model=model,
        train_cfg=dict(by_epoch=False, max_iters=9),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        optim_wrapper=sgd,
        default_hooks=dict(checkpoint=None),
    )
    for module in model.blocks:
        module.fix_chosen('tanh')
    factors, scale = [], OptimWrapper.scale_loss

    def noted(self, loss):
        factors.append(float(scale(self, torch.ones(()))))
        return scale(self, loss)

    monkeypatch.setattr(OptimWrapper, 'scale_loss', noted)
    runner.train()
    assert factors == pytest.approx([1 / 3] * 9)


@pytest.mark.parametrize('state', [None, 3, dict(setting=[], options=7), {}])
def test_a_checkpoint_that_says_nothing_is_resumed(whole, tmp_path, state, messages):
    saved = checkpoint(whole, 3)
    saved['meta']['run'] = state
    torch.save(saved, tmp_path / 'epoch_3.pth')
    run(tmp_path, tmp_path / 'epoch_3.pth')
    assert not [m for m in messages if 'bit for bit' in m or 'without effect' in m]
