"""How far estimates of alpha's gradient agree with the true one, on plain arrays.

All of it is at uniform probabilities ``p = 1 / K``, where the true gradient of
``alpha_l[k]`` is ``p * (E[loss | k in l] - E[loss])``.
"""

from typing import Any, Mapping

import numpy as np
from scipy.stats import spearmanr

Records = Mapping[str, np.ndarray]

# Their expectation is the true gradient, whatever the network is.
UNBIASED = ('score', 'paired')


def step_effects(paths: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Main effects as each step shows them; their mean is the true effect.

    Args:
        paths (np.ndarray): Shape ``(steps, K, L)``: K paths on one batch that have
            each candidate of each block once.
        losses (np.ndarray): Theirs, shape ``(steps, K)``.

    Returns:
        np.ndarray: Shape ``(steps, L, K)``: loss with candidate k in block l, less
        the mean loss of the step.
    """
    centred = losses - losses.mean(1, keepdims=True)
    by_block = paths.transpose(0, 2, 1)
    effects = np.full(by_block.shape, np.nan)
    np.put_along_axis(effects, by_block, centred[:, None, :], axis=2)
    return effects


def block_values(records: Records) -> dict[str, np.ndarray]:
    """What each estimator takes for the advantage of a block's choice.

    Args:
        records (Mapping[str, np.ndarray]): See ``reward_records.record``.

    Returns:
        dict[str, np.ndarray]: Shape ``(steps, L)`` by estimator:

        - ``paper``: ``<dL/dy, y_k>``;
        - ``score``: the loss less the mean loss of all other steps (the project's
          estimator has a moving mean);
        - ``paired``: the loss less that of a second path on the same batch;
        - ``counterfactual``: ``<dL/dy, y_k - y_j>`` with a second draw ``j``.
    """
    rewards, losses = records['rewards'], records['losses']
    steps = len(losses)
    first, second = losses.T
    score = (first - first.mean()) * (steps / (steps - 1))
    values = dict(
        paper=rewards,
        score=score[:, None],
        paired=(first - second)[:, None],
        counterfactual=records['counterfactual'],
    )
    return {k: np.broadcast_to(v, rewards.shape) for k, v in values.items()}


def alpha_gradients(records: Records, count: int) -> dict[str, np.ndarray]:
    """Gradient that alpha gets in each step.

    Args:
        records (Mapping[str, np.ndarray]): See ``reward_records.record``.
        count (int): Number of candidates K.

    Returns:
        dict[str, np.ndarray]: Shape ``(steps, L, K)`` by estimator: its value times
        ``onehot(k) - p``, or where it compares two draws, times half the difference
        of their ``onehot``.
    """
    onehot = np.eye(count)
    first, second = (onehot[records['paths'][:, i]] for i in (0, 1))
    scores = dict(
        paper=first - 1 / count,
        score=first - 1 / count,
        paired=(first - second) / 2,
        counterfactual=(first - onehot[records['others']]) / 2,
    )
    values = block_values(records)
    return {name: values[name][..., None] * score for name, score in scores.items()}


def mean_rewards(values: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    """Mean value by candidate, centred.

    Args:
        values (np.ndarray): See :func:`block_values`, of one block.
        chosen (np.ndarray): The block's candidate, shape ``(steps, )``.
        count (int): Number of candidates.
    """
    means = np.array([values[chosen == k].mean() for k in range(count)])
    return means - means.mean()


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of the angle between vectors, along the last axis."""
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return (a * b).sum(-1) / lengths


def cosine_interval(
    gradients: np.ndarray, effects: np.ndarray, seed: int = 0, resamples: int = 400
) -> tuple[float, float]:
    """95 % interval of the cosine of two means, by bootstrap over the steps.

    Args:
        gradients (np.ndarray): Shape ``(steps, K)``.
        effects (np.ndarray): Shape ``(steps, K)``, of other steps.
        seed (int): Of the resampling.
        resamples (int): How often it is done.
    """
    rng = np.random.default_rng(seed)

    def means(samples):
        num = len(samples)
        return rng.multinomial(num, np.full(num, 1 / num), resamples) @ samples / num

    low, high = np.quantile(cosine(means(gradients), means(effects)), [0.025, 0.975])
    return float(low), float(high)


def agreement(
    gradients: np.ndarray, effects: np.ndarray, unbiased: bool
) -> dict[str, Any]:
    """One estimator's gradients of one block against the true gradient.

    Args:
        gradients (np.ndarray): See :func:`alpha_gradients`, shape ``(steps, K)``.
        effects (np.ndarray): The block's :func:`step_effects`, shape ``(steps, K)``.
        unbiased (bool): Whether the estimator's expectation is the true gradient.

    Returns:
        dict: ``cosine`` between the mean gradient and the true one and its
        ``cosine_interval``; ``ratio`` of their lengths, cleared of what sampling
        adds; ``steps`` whose mean has signal-to-noise 1: the variance of one step
        over the squared signal, which is the length of the true gradient, or where
        the estimator may be biased, the mean's part along it. None where there is no
        signal: the true gradient is lost in noise, or the interval reaches 0.
    """
    true, length = true_gradient(effects)
    mean = gradients.mean(0)
    variance = gradients.var(0, ddof=1).sum()
    squared = max((mean**2).sum() - variance / len(gradients), 0.0)
    interval = cosine_interval(gradients, effects)
    along = mean @ true / np.linalg.norm(true) if interval[0] > 0 else 0.0
    signal = length if unbiased else along
    return dict(
        cosine=float(cosine(mean, true)),
        cosine_interval=interval,
        ratio=float(np.sqrt(squared) / length) if length > 0 else None,
        steps=float(variance / signal**2) if signal > 0 else None,
    )


def true_gradient(effects: np.ndarray) -> tuple[np.ndarray, float]:
    """The true gradient of one block's alpha, and its length.

    Args:
        effects (np.ndarray): The block's :func:`step_effects`, shape ``(steps, K)``.

    Returns:
        tuple: Shape ``(K, )``; and the length, cleared of what sampling adds to it.
    """
    gradients = effects / effects.shape[1]
    mean = gradients.mean(0)
    noise = gradients.var(0, ddof=1).sum() / len(gradients)
    return mean, float(np.sqrt(max((mean**2).sum() - noise, 0.0)))


def summary(records: Records) -> dict[str, dict[str, Any]]:
    """All blocks of a supernet.

    Args:
        records (Mapping[str, np.ndarray]): See ``reward_records.record``, and the
            names of the ``blocks``.

    Returns:
        dict[str, dict]: By block the ``effects`` of its candidates with their
        standard errors ``effects_se``, the length ``true_gradient``, and by estimator
        :func:`agreement`, ``median`` (of the absolute value), ``mean_rewards`` with
        their correlations ``pearson`` and ``spearman`` with the effects, and
        ``same_best``.
    """
    effects = step_effects(records['truth_paths'], records['truth_losses'])
    chosen = records['paths'][:, 0]
    count = effects.shape[2]
    values = block_values(records)
    gradients = alpha_gradients(records, count)
    blocks = {}
    for i, name in enumerate(records['blocks']):
        true = effects[:, i].mean(0)
        error = effects[:, i].std(0, ddof=1) / np.sqrt(len(effects))
        estimators = {}
        for estimator, value in values.items():
            means = mean_rewards(value[:, i], chosen[:, i], count)
            estimators[estimator] = dict(
                agreement(
                    gradients[estimator][:, i], effects[:, i], estimator in UNBIASED
                ),
                median=float(np.median(np.abs(value[:, i]))),
                mean_rewards=means.tolist(),
                pearson=float(cosine(means, true)),
                spearman=float(spearmanr(means, true).statistic),
                same_best=bool(means.argmin() == true.argmin()),
            )
        blocks[str(name)] = dict(
            effects=true.tolist(),
            effects_se=error.tolist(),
            true_gradient=true_gradient(effects[:, i])[1],
            estimators=estimators,
        )
    return blocks
