import math

import numpy as np
import pytest
import torch
from scipy import stats

from mmdsnas.models.mutators import functional as F

BELOW_ONE = np.nextafter(1.0, 0.0)


def test_padding_has_neither_probability_nor_gradient():
    logits = [
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([0.0, 1.0, 3.0], requires_grad=True),
    ]
    probs = F.pad_logits(logits).softmax(-1)
    assert probs.shape == (2, 3)
    assert torch.equal(probs[0, :2], logits[0].softmax(-1)) and probs[0, 2] == 0
    assert torch.allclose(probs[1], logits[1].softmax(-1))
    (probs * torch.arange(6.0).view(2, 3)).sum().backward()
    for row in logits:
        assert row.grad.isfinite().all() and row.grad.abs().min() > 0
    plain = torch.tensor([1.0, 2.0], requires_grad=True)
    plain.softmax(-1)[1].backward()
    assert torch.allclose(logits[0].grad, plain.grad)


# Random numbers


def test_every_argument_matters():
    streams = {
        tuple(F.uniforms(seed, iteration, rank, 3, stream))
        for seed in range(5)
        for iteration in range(5)
        for rank in range(5)
        for stream in range(5)
    }
    assert len(streams) == 625


@pytest.mark.parametrize(
    ('key', 'wanted'),
    [
        ((0, 0, 0), [0.6369616873214543, 0.2697867137638703]),
        ((1, 2, 3), [0.6704722626516632, 0.1110146366693816]),
        ((2**31, 10**6, 63), [0.6183675948441651, 0.11289289396793645]),
    ],
)
def test_the_numbers_of_training_stay_what_they_are(key, wanted):
    """Frozen, so that a run can be resumed by another version."""
    assert F.uniforms(*key, 2).tolist() == F.uniforms(*key, 2, stream=0).tolist()
    assert F.uniforms(*key, 2).tolist() == wanted


def test_the_numbers_are_uniform_and_independent():
    """Over iterations, over groups and over ranks."""
    num = 4000
    table = np.array([[F.uniforms(0, i, r, 2) for i in range(num)] for r in range(2)])
    assert 0 <= table.min() and table.max() < 1
    columns = table.transpose(0, 2, 1).reshape(4, num)
    for column in columns:
        assert stats.kstest(column, 'uniform').pvalue > 1e-3
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 4 / math.sqrt(num)
    correlation = np.corrcoef(columns) - np.eye(4)
    assert np.abs(correlation).max() < 4 / math.sqrt(num)


# Drawing


@pytest.mark.parametrize(
    ('uniform', 'wanted'),
    [(0.0, 0), (0.2499, 0), (0.25, 1), (0.74, 1), (0.76, 2), (BELOW_ONE, 2)],
)
def test_a_draw_inverts_the_distribution(uniform, wanted):
    probs = np.array([[0.25, 0.5, 0.25]])
    assert F.draw(probs, np.array([uniform])) == [wanted]


@pytest.mark.parametrize('uniform', [0.0, 0.3, 0.999, BELOW_ONE])
def test_what_has_no_probability_is_never_drawn(uniform):
    probs = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 1]], np.float32)
    first, second, third = F.draw(probs, np.full(3, uniform))
    assert (first, third) == (1, 3)
    assert second == (0 if uniform < 0.5 else 2)


@pytest.mark.parametrize('uniform', [0.0, BELOW_ONE])
def test_rounding_leads_to_no_candidate_that_is_not_there(uniform):
    """Rows of float32 that add up to a little less or more than one."""
    probs = torch.randn(2000, 6, generator=torch.Generator().manual_seed(0))
    probs[:, 4:] = -math.inf
    rows = probs.softmax(-1).numpy()
    sums = rows.astype(np.float64).sum(1)
    assert sums.min() < 1 < sums.max()
    drawn = F.draw(rows, np.full(2000, uniform))
    assert set(drawn) == {0 if uniform == 0 else 3}


def test_a_candidate_of_tiny_probability_is_drawn_where_it_should():
    probs = np.array([[1e-12, 1 - 1e-12]])
    assert F.draw(probs, np.array([1e-13])) == [0]
    assert F.draw(probs, np.array([1e-11])) == [1]


# Entropy and margin


def test_entropy():
    probs = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    wanted = [stats.entropy(row) for row in probs.tolist()]
    assert torch.allclose(F.entropy(probs), torch.tensor(wanted, dtype=probs.dtype))


def test_margin():
    probs = torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.0, 0.1], [0.5, 0.5, 0.0]])
    assert torch.allclose(F.margin(probs), torch.tensor([0.2, 0.8, 0.0]))


def test_a_single_candidate_has_the_greatest_margin():
    assert F.margin(torch.ones(2, 1)).tolist() == [1, 1]
    assert F.margin(torch.tensor([[1.0, 0.0]])).tolist() == [1]  # padded


# How far a step went


def test_divergence_by_hand():
    p = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    q = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    found = F.kl(p, q)
    # log(0.5 / 0.25) / 2 + log(0.5 / 0.75) / 2
    wanted = (math.log(2) + math.log(2 / 3)) / 2
    assert found.tolist() == pytest.approx([wanted, 0, 0], abs=1e-12)
    # The other way round it is another number.
    assert F.kl(q, p)[0] == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    assert F.kl(q[:1], torch.tensor([[0.0, 0.5, 0.5]])).isinf().all()


def test_the_divergence_of_one_step_survives_float32():
    generator = torch.Generator().manual_seed(0)
    alpha = torch.randn(50, 4, dtype=torch.float64, generator=generator)
    step = 1e-3 * torch.randn(50, 4, dtype=torch.float64, generator=generator)
    p, q = alpha.softmax(-1), (alpha + step).softmax(-1)
    wanted = (p * (p / q).log()).sum(-1)
    assert 1e-8 < wanted.min() and wanted.max() < 1e-5
    found = F.kl(p.float(), q.float())
    assert ((found - wanted) / wanted).abs().max() < 1e-2
