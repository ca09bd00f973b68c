"""The weights of a search are averaged, alpha and what is fixed never."""

import pytest
import torch
import torch.nn as nn
from mmengine.hooks import EMAHook

from mmdsnas.errors import ConfigError
from mmdsnas.models import ElasticMutableOP
from tests.toy import ToyNet, algorithm_of
from tests.toy_run import Keep, runner_of, same, search_of, state_of

MOMENTUM = 0.25


def run(folder, update_buffers, interval):
    """A search of an epoch in each stage; states along it."""
    seen = dict(steps=[], trained=[], validated=[], restored=[], subnets=[])

    def keep(name):
        return lambda runner: seen[name].append(state_of(runner))

    def read_subnet(runner):
        path = folder / 'work' / 'subnet.pth'
        seen['subnets'].append(torch.load(path, weights_only=True))

    ema = dict(type='EMAHook', momentum=MOMENTUM, update_buffers=update_buffers)
    hooks = [
        ema,
        dict(type='ExportChildHook'),
        Keep('after_train_iter', keep('steps'), 99),
        Keep('after_train_epoch', keep('trained'), 99),
        Keep('before_val_epoch', keep('validated'), 99),
        Keep('after_val_epoch', keep('restored'), 99),
        Keep('after_val_epoch', read_subnet, 99),
    ]
    default = dict(checkpoint=dict(type='CheckpointHook', interval=interval))
    runner_of(folder, hooks, search_of(), default_hooks=default).train()
    return seen


def averages(steps, update_buffers, per_epoch):
    """What is to be validated: the average of whatever was trained.

    The unselected, which are frozen in the last epoch, are left as they were trained.
    """
    average, found = {}, []
    for i, state in enumerate(steps):
        lost = unselected(steps[-1]) if i >= 2 * per_epoch else ('none',)
        for name, value in state.items():
            buffer = 'running' in name
            kept = name.startswith('mutator') or name.endswith('num_batches_tracked')
            kept = kept or (not update_buffers if buffer else name.startswith(lost))
            if i == 0 or kept:
                average[name] = value
            else:
                average[name] = average[name].lerp(value, MOMENTUM)
        if (i + 1) % per_epoch == 0:
            found.append(dict(average))
    return found


def choices(state):
    """The candidates that alpha says."""
    alphas = [v for name, v in state.items() if '_arch_params' in name]
    return [('tanh', 'sine')[int(alpha.argmax())] for alpha in alphas]


def unselected(state):
    """Beginnings of the names of the other ones' weights."""
    return tuple(
        f'architecture.blocks.{i}._candidates.{"sine" if c == "tanh" else "tanh"}.'
        for i, c in enumerate(choices(state))
    )


@pytest.mark.parametrize(
    ('update_buffers', 'interval'), [(False, 1), (True, 1), (False, 3)]
)
def test_weights_are_averaged_and_alpha_is_not(tmp_path, update_buffers, interval):
    """Also where a validation does not follow a checkpoint."""
    seen = run(tmp_path, update_buffers, interval)
    wanted = averages(seen['steps'], update_buffers, len(seen['steps']) // 3)
    for epoch, (trained, validated, restored, subnet) in enumerate(
        zip(seen['trained'], seen['validated'], seen['restored'], seen['subnets'])
    ):
        for name, value in wanted[epoch].items():
            torch.testing.assert_close(validated[name], value, rtol=0, atol=1e-6)
        mutator = [name for name in trained if name.startswith('mutator.')]
        assert len(mutator) == 3
        for name in mutator:
            assert torch.equal(validated[name], trained[name])
        head = 'architecture.head.weight'
        assert not torch.equal(validated[head], trained[head])
        assert same(restored, trained)

        if (epoch + 1) % interval == 0:
            path = tmp_path / 'work' / f'epoch_{epoch + 1}.pth'
            saved = torch.load(path, weights_only=True)
            assert same(dict(saved['state_dict']), validated)
            inside = saved['ema_state_dict']
            for name, value in trained.items():
                assert torch.equal(inside[f'module.{name}'], value)

        weights = subnet['state_dict']
        assert len(weights) > 10
        assert all(torch.equal(v, inner(validated)[n]) for n, v in weights.items())
        assert list(subnet['meta']['subnet'].values()) == choices(trained)
    fixed = [s['mutator._fixed'].tolist() for s in seen['validated']]
    assert fixed[:2] == [[-1, -1]] * 2 and -1 not in fixed[2]
    # Alpha was trained, so that an average would be another one.
    name = 'mutator._arch_params.module_0'
    assert not torch.equal(seen['trained'][0][name], seen['trained'][1][name])


def inner(state):
    """The architecture's part of a state."""
    prefix = 'architecture.'
    return {n[len(prefix) :]: v for n, v in state.items() if n.startswith(prefix)}


def test_the_averages_of_mmengine_are_refused(tmp_path):
    runner = runner_of(tmp_path, [EMAHook()], search_of())
    with pytest.raises(ConfigError, match=r"type='mmdsnas\.EMAHook'"):
        runner.train()


def test_a_part_of_shared_weights_is_one_of_the_averages(tmp_path):
    """In a validation, of the same weight that is validated itself."""
    large, small = (nn.Sequential(nn.Linear(6, n), nn.Linear(n, 6)) for n in (8, 4))
    op = ElasticMutableOP(nn.ModuleDict(dict(large=large, small=small)))
    seen = []

    def keep(runner):
        part = op.candidate('small')[0].weight.detach().clone()
        name = 'architecture.blocks.0._candidates.large.0.weight'
        whole = state_of(runner)[name]
        assert torch.equal(part, whole[:4])
        (ema,) = (hook for hook in runner.hooks if isinstance(hook, EMAHook))
        other = ema.ema_model.module
        copied = other.architecture.blocks[0].candidate('small')[0].weight
        assert torch.equal(copied, other.state_dict()[name][:4])
        assert not torch.equal(copied, part)
        seen.append((part, copied.detach().clone()))

    hooks = [
        dict(type='EMAHook', momentum=MOMENTUM),
        Keep('after_train_epoch', keep, 99),
        Keep('before_val_epoch', keep, 99),
        Keep('after_val_epoch', keep, 99),
    ]
    model = algorithm_of(ToyNet([op]), pretrain_epochs=1, finetune_epochs=2)
    runner_of(tmp_path, hooks, model).train()
    for trained, validated, restored in zip(*[iter(seen)] * 3, strict=True):
        assert same(trained, restored) and same(trained, validated[::-1])
