"""With EMA on several ranks a checkpoint has the mean of the ranks' statistics."""

import pytest
import torch

from mmdsnas.engine import EMAHook
from mmdsnas.models.batch_norm import batch_norms
from tests.ranks import WRAPPER, on_ranks
from tests.toy_run import Keep, loader, runner_of, same, search_of, state_of


def statistics(model):
    """Running means and variances by the names that they have in a checkpoint."""
    layers = set(batch_norms(model))
    return {
        f'{name}.{part}': getattr(layer, part).clone()
        for name, layer in model.named_modules()
        if layer in layers
        for part in ('running_mean', 'running_var')
    }


def run(folder, update_buffers):
    """A search; the statistics before they are averaged, and what is validated."""
    trained, averaged, validated = [], [], []

    def keep(runner):
        ema = next(hook for hook in runner.hooks if isinstance(hook, EMAHook))
        trained.append(statistics(runner.model.module))
        averaged.append(statistics(ema.ema_model.module))

    runner_of(
        folder / f'buffers_{update_buffers}',
        [
            dict(type='AverageBNStatsHook'),
            dict(type='EMAHook', momentum=0.25, update_buffers=update_buffers),
            Keep('after_train_epoch', keep, 1),
            Keep('before_val_epoch', lambda r: validated.append(state_of(r)), 99),
        ],
        search_of(),
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        train_dataloader=loader(noise=True, batch_size=4),
    ).train()
    return trained, averaged, validated


def both(folder):
    return [run(folder, update_buffers) for update_buffers in (False, True)]


@pytest.mark.slow
def test_statistics_in_a_checkpoint_are_the_mean_over_ranks(tmp_path):
    ranks = on_ranks(2, tmp_path, both, tmp_path)
    for update_buffers, (first, second) in enumerate(zip(*ranks)):
        folder = tmp_path / f'buffers_{bool(update_buffers)}' / 'work'
        for epoch in range(3):
            saved = torch.load(folder / f'epoch_{epoch + 1}.pth', weights_only=True)
            for key, prefix, of in (
                ('state_dict', '', int(update_buffers)),
                ('ema_state_dict', 'module.', 0),
            ):
                a, b = first[of][epoch], second[of][epoch]
                assert len(a) == 10 and not same(a, b)
                for name, value in a.items():
                    wanted = (value + b[name]) / 2
                    found = saved[key][prefix + name]
                    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
            # Both ranks validate it.
            for validated in (first[2][epoch], second[2][epoch]):
                for name, value in saved['state_dict'].items():
                    if not name.endswith('num_batches_tracked'):
                        assert torch.equal(validated[f'module.{name}'], value), name
