import torch

from mmdsnas.engine.hooks import batch_norm
from mmdsnas.models.batch_norm import batch_norms
from tests.toy_run import Keep, runner_of


def test_averages_before_the_checkpoint_and_the_validation(tmp_path, monkeypatch):
    def average(layers):
        for layer in layers:
            layer.running_mean.fill_(7)

    monkeypatch.setattr(batch_norm, 'average_statistics', average)
    validated = []
    keep = Keep(
        'before_val_epoch',
        lambda runner: validated.append(
            {float(m) for n in batch_norms(runner.model) for m in n.running_mean}
        ),
        priority=50,
    )
    runner_of(tmp_path, [dict(type='AverageBNStatsHook'), keep], max_epochs=1).train()
    assert validated == [{7.0}]
    saved = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=True)
    means = [v for n, v in saved['state_dict'].items() if n.endswith('running_mean')]
    assert len(means) == 5 and all((mean == 7).all() for mean in means)
