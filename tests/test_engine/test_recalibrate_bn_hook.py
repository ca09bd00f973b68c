import random

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.models.batch_norm import batch_norms
from tests.toy_run import Keep, loader, normed_net, runner_of, search_of, state_of

RECALIBRATE = dict(type='RecalibrateBNHook')


def trained(folder, *hooks, **kwargs):
    """The scores of the validations, and all that training leaves."""
    scores = []
    keep = Keep(
        'after_val_epoch',
        lambda runner: scores.append(
            runner.message_hub.get_scalar('val/toy/score').current()
        ),
        priority=20,
    )
    runner = runner_of(folder, [*hooks, keep], **kwargs)
    runner.train()
    draws = [random.random(), np.random.rand(), torch.rand(()).item()]
    return scores, state_of(runner), draws


def test_training_goes_on_as_if_nothing_had_happened(tmp_path):
    plain, state, draws = trained(tmp_path / 'without')
    scores, other, other_draws = trained(tmp_path / 'with', RECALIBRATE)
    assert draws == other_draws
    assert all(torch.equal(value, other[key]) for key, value in state.items())
    assert len(scores) == 3 and not set(scores) & set(plain)


@pytest.mark.parametrize('wrapped', [False, True])
def test_the_validated_weights_have_statistics_of_their_own(tmp_path, request, wrapped):
    """With the averaged weights of EMAHook, and in the child that is left."""
    model = search_of()
    net = model.architecture
    states = []
    keep = [
        Keep(
            point,
            lambda _: states.append(
                {key: value.clone() for key, value in model.state_dict().items()}
            ),
            priority,
        )
        for point, priority in (
            ('before_val_epoch', 10),
            ('before_val_epoch', 60),
            ('after_val_iter', 50),
            ('after_val_epoch', 60),
        )
    ]
    data = loader(noise=False, batch_size=16)  # all of it at once
    runner = runner_of(
        tmp_path,
        [
            *keep,
            RECALIBRATE,
            dict(type='EMAHook', momentum=0.3, update_buffers=True),
            dict(type='ExportChildHook'),
        ],
        model=request.getfixturevalue('wrap')(model) if wrapped else model,
        val_dataloader=data,
    )
    runner.cfg = Config(dict(train_dataloader=data))
    runner.train()
    before, averaged, during, after = states[-4:]
    assert all(torch.equal(value, after[key]) for key, value in before.items())

    stem = 'architecture.stem.'
    weight, bias = (during[f'{stem}layer.linear.{n}'] for n in ('weight', 'bias'))
    assert not torch.equal(weight, before[f'{stem}layer.linear.weight'])
    y = (runner.val_dataloader.dataset.inputs @ weight.T + bias).relu()
    assert torch.allclose(during[f'{stem}bn.running_mean'], y.mean(0), atol=1e-6)
    assert torch.allclose(during[f'{stem}bn.running_var'], y.var(0), rtol=1e-5)

    child = torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)
    chosen = list(model.mutator.derive_child().values())
    exported = {f'architecture.{k}': v for k, v in child['state_dict'].items()}
    assert sum('running_mean' in key for key in exported) == 3
    for key, value in exported.items():
        assert torch.equal(value, during[key])
    for i, choice in enumerate(chosen):
        for name in net.blocks[i].choices:
            key = f'architecture.blocks.{i}._candidates.{name}.bn.running_var'
            assert torch.equal(during[key], averaged[key]) == (name != choice)


def test_a_test_of_a_child_alone(tmp_path):
    net = normed_net()
    for block in net.blocks:
        block.fix_chosen('tanh')
    kept = {}
    runner = runner_of(
        tmp_path,
        [
            dict(type='RecalibrateBNHook', num_batches=3),
            Keep('after_test_iter', lambda runner: kept.update(state_of(runner)), 50),
        ],
        model=net,
        test_dataloader=loader(noise=False),
        test_evaluator=dict(type='MeanScore'),
        test_cfg=dict(),
    )
    before = state_of(runner)
    first, mean = runner.test(), kept['stem.bn.running_mean']
    torch.rand(5)
    assert all(kept[f'{n}.bn.num_batches_tracked'] == 3 for n in ('stem',))
    assert runner.test() == first  # the same batches, noise and all
    assert torch.equal(kept['stem.bn.running_mean'], mean)
    assert all(torch.equal(v, before[k]) for k, v in state_of(runner).items())
    assert len(batch_norms(net)) == 3


def test_training_data_is_needed(tmp_path):
    runner = runner_of(tmp_path, [RECALIBRATE], model=normed_net())
    runner.cfg = Config()
    with pytest.raises(ConfigError, match='must have a train_dataloader, but has none'):
        runner.val()
