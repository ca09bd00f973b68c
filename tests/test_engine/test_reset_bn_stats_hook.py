import pytest

from mmdsnas.models.batch_norm import batch_norms
from tests.toy_run import Keep, normed_net, runner_of, search_of


def batches_counted(folder, **kwargs):
    """Batches in the stem's statistics, at the end of every epoch of four."""
    counts = []
    keep = Keep(
        'after_train_epoch',
        lambda runner: counts.append(
            int(batch_norms(runner.model)[0].num_batches_tracked)
        ),
        priority=50,
    )
    runner_of(folder, [dict(type='ResetBNStatsHook'), keep], **kwargs).train()
    return counts


@pytest.mark.parametrize('epoch', [1, 2, 3])
def test_statistics_start_anew_with_finetuning_and_never_again(tmp_path, epoch):
    """Also in a run that is resumed before, at or after that epoch."""
    whole = [4, 8, 4, 8]
    assert batches_counted(tmp_path, max_epochs=epoch) == whole[:epoch]
    checkpoint = f'{tmp_path}/work/epoch_{epoch}.pth'
    resumed = batches_counted(tmp_path, max_epochs=4, load_from=checkpoint, resume=True)
    assert resumed == whole[epoch:]


def test_a_child_alone_starts_without_the_statistics_it_came_with(tmp_path):
    net = normed_net()
    for block in net.blocks:
        block.fix_chosen('tanh')
    for layer in batch_norms(net):
        layer.num_batches_tracked.fill_(100)
        layer.running_mean.fill_(1e6)
    assert batches_counted(tmp_path, model=net, max_epochs=2) == [4, 8]
    assert all(layer.running_mean.abs().max() < 100 for layer in batch_norms(net))


def test_it_looks_into_a_distributed_wrapper(tmp_path, wrap):
    assert batches_counted(tmp_path, model=wrap(search_of())) == [4, 8, 4]


@pytest.mark.parametrize('affine', [True, False])
def test_affine_parameters_begin_anew_when_asked(tmp_path, affine):
    net = normed_net()
    for block in net.blocks:
        block.fix_chosen('tanh')
    for layer in batch_norms(net):
        layer.bias.data.fill_(1e3)
    hook = dict(type='ResetBNStatsHook', affine=affine)
    runner_of(tmp_path, [hook], model=net, max_epochs=1).train()
    largest = max(float(layer.bias.detach().abs().max()) for layer in batch_norms(net))
    assert (largest < 100) == affine
