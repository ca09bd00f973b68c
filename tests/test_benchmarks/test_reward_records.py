"""What is recorded of a supernet, against plain autograd on its layers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.quality import reward_records
from benchmarks.quality.reward_records import Probe, record
from mmdsnas.models.batch_norm import batch_norms
from tests import toy, toy_run


@pytest.fixture
def model():
    net = toy_run.normed_net().double()
    # Whatever the mode is, it is to be recorded in train mode.
    return toy.algorithm_of(net, mutator=dict(init_std=0.0)).eval()


@torch.enable_grad()
def rewards_by_hand(net, path, others, inputs, labels):
    """Loss, ``<dL/dy, y>`` and ``<dL/dy, y - y_other>`` of each block."""
    x, ys, differences = net.stem(inputs), [], []
    for block, k, j in zip(net.blocks, path, others):
        candidates = list(block.candidates())
        y = candidates[k](x)
        differences.append(y - candidates[j](x))
        ys.append(y)
        x = y
    loss = F.cross_entropy(net.head(net.tail(x)), labels)
    grads = torch.autograd.grad(loss, ys)
    paper = [(g * y).sum().item() for g, y in zip(grads, ys)]
    return (
        loss.item(),
        paper,
        [(g * d).sum().item() for g, d in zip(grads, differences)],
    )


@pytest.mark.parametrize(
    ('path', 'others'), [((0, 1), (1, 0)), ((1, 1), (0, 0)), ((0, 0), (0, 1))]
)
def test_rewards_of_a_path(model, path, others):
    data = toy.batch(8)
    loss, paper, counterfactual = Probe(model).rewards(data, path, others)
    # Only now, as frozen weights give no gradient.
    model.train().requires_grad_(True)
    expected = rewards_by_hand(model.architecture, path, others, *data)
    assert loss == pytest.approx(expected[0])
    assert paper == pytest.approx(expected[1], abs=1e-9)
    assert counterfactual == pytest.approx(expected[2], abs=1e-12)
    assert (counterfactual[0] == 0) == (path[0] == others[0])


def test_record_has_designs_and_their_losses_and_leaves_the_model(model):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    batches = [toy.batch(8, seed) for seed in range(3)]
    found = record(model, batches, steps=5, seed=0)
    model.train()
    assert toy_run.same(before, model.state_dict())
    assert all(not weight.requires_grad for weight in model.architecture.parameters())
    assert found['paths'].shape == (5, 2, 2) and found['rewards'].shape == (5, 2)
    # Each candidate of each block once, and not the same ones together each time.
    assert (np.sort(found['truth_paths'], axis=1) == [[0, 0], [1, 1]]).all()
    assert len({paths.tobytes() for paths in found['truth_paths']}) > 2
    for step in range(5):
        # Batches take turns: one for the estimators, the next for the truth.
        for paths, losses, at in (
            (found['paths'], found['losses'], 2 * step),
            (found['truth_paths'], found['truth_losses'], 2 * step + 1),
        ):
            for path, loss in zip(paths[step], losses[step]):
                with torch.no_grad():
                    x = model.architecture.stem(batches[at % 3][0])
                    for block, k in zip(model.architecture.blocks, path):
                        x = list(block.candidates())[k](x)
                    logits = model.architecture.head(x)
                expected = F.cross_entropy(logits, batches[at % 3][1])
                assert loss == pytest.approx(float(expected))


def test_paths_are_uniform_and_go_by_the_seed(model):
    batches = [toy.batch(4)]
    found = record(model, batches, steps=200, seed=1)
    for paths in (found['paths'], found['truth_paths']):
        for block in range(2):
            # 200 fair coins: 4 standard deviations are 28.
            assert abs(paths[:, 0, block].sum() - 100) < 28
    # The two paths of a step are independent.
    same = (found['paths'][:, 0] == found['paths'][:, 1]).all(1).sum()
    assert abs(same - 50) < 25
    again = record(model, batches, steps=3, seed=1)
    assert (again['paths'] == found['paths'][:3]).all()
    assert (record(model, batches, 3, seed=2)['paths'] != again['paths']).any()


def test_a_supernet_is_trained_with_its_eps_and_then_recorded(
    model, monkeypatch, capsys
):
    def train(config, seed, prepare):
        assert (config, seed) == ('some.py', 3)
        prepare(model)
        return SimpleNamespace(model=model, train_dataloader=[toy.batch(4)]), {}

    monkeypatch.setattr(reward_records, 'train', train)
    layers = batch_norms(model)
    found = reward_records.record_supernet('some.py', 0.25, 2, seed=3, name='toy')
    assert [layer.eps for layer in layers] == [0.25] * 5
    assert json.loads(json.dumps(found)) == found
    assert found['candidates'] == ['tanh', 'sine'] and len(found['blocks']) == 2
    assert np.array(found['rewards']).shape == (2, 2)
    assert capsys.readouterr().out == 'toy: training\n'
