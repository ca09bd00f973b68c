from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
from mmcls.evaluation import Accuracy
from mmcls.structures import ClsDataSample
from mmengine.dataset import InfiniteSampler
from mmengine.evaluator import Evaluator
from torch.utils.data import DataLoader

from mmdsnas.engine.evaluation import some_images, try_evaluation
from mmdsnas.engine.hooks.safety.data_check_hook import smallest_batch
from mmdsnas.errors import ConfigError
from mmdsnas.registry import DATASETS, METRICS
from tests.toy import Apply, Layer, ToyNet, algorithm_of, block, smooth_block
from tests.toy_run import (
    Keep,
    MeanScore,
    NoisyVectors,
    Norm,
    loader,
    runner_of,
    same,
    state_of,
)

CHECK = dict(type='DataCheckHook')


def net(position):
    """A BatchNorm at one place: in a candidate, in the tail, or nowhere."""
    norm = Norm(torch.tanh)
    plain = [Layer(torch.tanh) for _ in range(4)]
    if position == 'candidate':
        plain[3] = norm
    blocks = [block(a=plain[0], b=plain[1]), block(a=plain[2], b=plain[3])]
    # All candidates of a block give vectors, as those with a BatchNorm do.
    stem = Apply(partial(torch.flatten, start_dim=1))
    return ToyNet(blocks, stem=stem, tail=norm if position == 'tail' else None)


def search_in(position):
    return algorithm_of(net(position), pretrain_epochs=1, finetune_epochs=2)


def refused(tmp_path, message, *hooks, **kwargs):
    """Before the first step."""
    runner = runner_of(tmp_path, [CHECK, *hooks], **kwargs)
    with pytest.raises(ConfigError, match=message):
        runner.train()
    assert runner.iter == 0


# Of 16 images by 3 the last batch has one.
@pytest.mark.parametrize('size', [1, 3])
@pytest.mark.parametrize('norm_training', [False, True])
@pytest.mark.parametrize(
    'position, name', [('candidate', r'blocks.1._candidates.b.bn'), ('tail', 'tail.bn')]
)
def test_a_batch_of_one_image(tmp_path, size, norm_training, position, name):
    refused(
        tmp_path,
        rf'16 images by {size}\), .*architecture.{name} .* batch_size',
        model=algorithm_of(net(position), norm_training=norm_training),
        train_dataloader=loader(noise=True, batch_size=size),
    )


@pytest.mark.parametrize(
    'position, more',
    [
        ('nowhere', {}),
        ('candidate', dict(batch_size=4)),
        ('candidate', dict(drop_last=True)),
        ('candidate', dict(batch_sampler=dict(type='NoSingleImageBatchSampler'))),
        ('candidate', dict(batch_sampler=dict(type='AlternatingBatchSampler'))),
    ],
)
def test_what_can_be_trained(tmp_path, position, more):
    data = {**loader(noise=True, batch_size=3), **more}
    runner = runner_of(
        tmp_path, [CHECK], model=search_in(position), train_dataloader=data
    )
    runner.train()
    assert runner.epoch == 3


@pytest.mark.parametrize('estimator', ['DSNASGradient', 'PairedGradient'])
@pytest.mark.parametrize('norm_training', [False, True])
def test_it_leaves_no_trace(tmp_path, norm_training, estimator):
    options = dict(
        norm_training=norm_training,
        gradient_estimator=dict(type=estimator),
        finetune_epochs=2,
    )
    seen = []

    def look(runner):
        blocks = runner.model.architecture.blocks
        seen.append(
            dict(
                told=(runner.model.stage, runner.model.iteration),
                blocks=[(b.current_choice, b.gate) for b in blocks],
                gradients=[p.grad for p in runner.model.parameters()],
                random=torch.get_rng_state(),
                model=state_of(runner),
            )
        )

    for folder, hooks in (('without', []), ('with', [CHECK])):
        torch.manual_seed(0)
        runner = runner_of(
            tmp_path / folder,
            [*hooks, Keep('before_train', look, 1)],
            model=algorithm_of(net('tail'), **options),
            train_dataloader=loader(noise=True, batch_size=4),
        )
        runner.train()
        look(runner)
    assert seen[0]['told'] == (None, 0)
    assert same(seen[0], seen[2]) and same(seen[1]['model'], seen[3]['model'])
    logs = list(tmp_path.rglob('*.log'))
    assert len(logs) == 2 and not any('Nothing' in log.read_text() for log in logs)


class TrainsOnly(ToyNet):
    """Has its losses in training mode alone."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        losses = super().forward(inputs, data_samples, mode)
        if mode == 'loss':
            losses = dict(losses, loss_aux=losses['loss'] if self.training else None)
        return losses


@pytest.mark.parametrize('searched', [False, True])
def test_losses_that_training_alone_has(tmp_path, searched):
    model = TrainsOnly([smooth_block()])
    if searched:
        model = algorithm_of(model)
    else:
        model.blocks[0].current_choice = 'tanh'
    runner = runner_of(tmp_path, [CHECK], model=model, max_epochs=1)
    runner.train()
    assert runner.epoch == 1


@DATASETS.register_module(force=True)
class Missing(NoisyVectors):
    """Its files are not there."""

    def __getitem__(self, index):
        raise FileNotFoundError('none.png')


@pytest.mark.parametrize('name', ['train', 'val'])
def test_images_that_are_not_there(tmp_path, name):
    data = {**loader(noise=True), 'dataset': dict(type='Missing', noise=False)}
    message = f'images of .*{name}.* FileNotFoundError .*none.png'
    refused(tmp_path, message, **{f'{name}_dataloader': data})


def test_a_test_is_tried_where_there_will_be_one(tmp_path):
    data = {**loader(noise=False), 'dataset': dict(type='Missing', noise=False)}
    options = dict(
        test_dataloader=data, test_evaluator=dict(type='MeanScore'), test_cfg=dict()
    )
    known = dict(
        val_dataloader=loader(noise=False), test_dataloader=options['test_dataloader']
    )
    child = net('nowhere')
    for module, choice in zip(child.blocks, 'ab'):
        module.current_choice = choice
    runner = runner_of(
        tmp_path / 'child', [CHECK], model=child, max_epochs=1, cfg=known, **options
    )
    runner.train()
    assert runner.epoch == 1
    export = dict(type='ExportChildHook')
    refused(tmp_path, 'of test .*none.png', export, cfg=known, **options)


def test_nothing_is_written_before_the_training(tmp_path):
    path = tmp_path / 'outputs.pkl'
    dump = dict(type='DumpResults', out_file_path=str(path))
    found = []
    runner = runner_of(
        tmp_path,
        [CHECK, Keep('before_train', lambda _: found.append(path.exists()), 1)],
        val_evaluator=[dict(type='MeanScore'), dump],
        max_epochs=1,
    )
    runner.train()
    assert found == [False] and path.exists()


@pytest.mark.parametrize(
    'sampler, sizes', [(InfiniteSampler(range(9), seed=0), (4, 2)), (range(9), (1, 1))]
)
def test_the_smallest_batch(sampler, sizes):
    """Of 9 images by 4 and by 2; there is no last one of an endless stream."""
    found = [smallest_batch(DataLoader(range(9), n, sampler=sampler)) for n in (4, 2)]
    assert tuple(found) == sizes
    assert smallest_batch(DataLoader(range(9), 4, drop_last=True)) == 4


def test_batches_of_another_kind():
    data = DataLoader(range(9), batch_sampler=[[0, 1], [2]], collate_fn=list)
    assert smallest_batch(data) is None and some_images(data, 2) == [0, 8]
    assert smallest_batch(DataLoader(range(9), None)) is None


@DATASETS.register_module(force=True)
class OtherLabels(NoisyVectors):
    """Of more classes than the network has."""

    def __getitem__(self, index):
        x, label = super().__getitem__(index)
        return x, label + 7


OTHER_LABELS = {**loader(True), 'dataset': dict(type='OtherLabels', noise=False)}
BEST = dict(type='CheckpointHook', save_best='accuracy/top1')


@METRICS.register_module(force=True)
class OtherTask(MeanScore):
    """Looks for what no batch has."""

    def process(self, data_batch, data_samples):
        self.results += [sample.gt_bboxes for sample in data_samples]


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(train_dataloader=OTHER_LABELS),
            'no loss .* train_dataloader: IndexError in .* line .*out of bounds',
        ),
        (
            dict(val_evaluator=dict(type='OtherTask')),
            'the evaluator of val .* AttributeError .*gt_bboxes',
        ),
        (
            dict(default_hooks=dict(checkpoint=BEST)),
            "save_best .*toy/score.*'accuracy/top1'",
        ),
    ],
)
def test_what_does_not_fit_each_other(tmp_path, options, message):
    refused(tmp_path, message, **options)


class Scores(nn.Module):
    """Equal scores of some classes."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def val_step(self, batch):
        scores = torch.ones(self.classes) / self.classes
        return [ClsDataSample().set_gt_label(0).set_pred_score(scores) for _ in batch]


@pytest.mark.parametrize('topk', [5, (1, 5)])
@pytest.mark.parametrize('classes', [2, 3, 5])
def test_fewer_classes_than_topk(classes, topk):
    loop = SimpleNamespace(
        dataloader=DataLoader(range(8), 4, collate_fn=list),
        evaluator=Evaluator(Accuracy(topk=topk)),
        fp16=False,
    )
    if classes < 5:
        with pytest.raises(ConfigError, match=rf'topk .*val.* at most {classes}, .*5'):
            try_evaluation(Scores(classes), loop, 'val')
    else:
        assert 'accuracy/top5' in try_evaluation(Scores(classes), loop, 'val')
        # Nothing of it is in the evaluation of the run.
        assert loop.evaluator.metrics[0].results == []


class Named(nn.Module):
    """Outputs by their names."""

    def val_step(self, batch):
        return dict(scores=batch)


def test_outputs_by_name():
    loop = SimpleNamespace(
        dataloader=DataLoader(range(8), 4, collate_fn=list), fp16=False
    )
    loop.evaluator = SimpleNamespace(metrics=[])
    loop.evaluator.process = lambda data_samples, data_batch: None
    loop.evaluator.evaluate = lambda size: dict(size=size)
    assert try_evaluation(Named(), loop, 'val') == dict(size=4)


def test_images_from_everywhere():
    def found(size, number=4, of=100):
        return some_images(DataLoader(range(of), size, collate_fn=list), number)

    assert found(8) == [0, 33, 66, 99]
    assert found(2) == [0, 99] and found(1) == [0]
    assert found(8, of=2) == [0, 1]
    assert found(None) is None
