"""Predictions are kept in the one evaluation that there is anyway."""

from types import SimpleNamespace

import pytest
import torch
from mmcls.structures import ClsDataSample
from torch.utils.data import ConcatDataset

from mmdsnas.engine import ExportChildHook
from mmdsnas.engine.prediction_collector import PredictionCollector
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.visualization.csv_files import read_predictions
from tests.ranks import WRAPPER, on_ranks
from tests.toy import CLASSES, ToyNet, algorithm_of
from tests.toy_run import NoisyVectors, loader, normed_net, runner_of, same, state_of

FILES = ['classes.csv', 'confusion.csv', 'predictions.csv']


def sample(score, label=0, **info):
    made = ClsDataSample(metainfo=info).set_pred_score(torch.tensor(score))
    return made.set_gt_label(label)


def written(folder, samples, **attributes):
    """What is written of data samples, each of which is a batch."""
    kept, data = PredictionCollector(), NoisyVectors(False, len(samples))
    vars(data).update(attributes)
    for one in samples:
        kept.add([one])
    is_written = kept.write(SimpleNamespace(dataset=data), folder)
    assert sorted(p.name for p in folder.glob('*.csv')) == (FILES if is_written else [])
    return read_predictions(folder)


def test_rows_are_what_was_predicted(tmp_path):
    root = tmp_path / 'images'
    found = written(
        tmp_path,
        [
            sample([0.2, 0.5, 0.3], 2, img_path=f'{root}/c/1.png', sample_idx=0),
            sample([0.7, 0.2, 0.1], 0, img_path='/other/2.png', sample_idx=1),
            sample([0.1, 0.3, 0.6], 1, sample_idx=2),
        ],
        metainfo=dict(classes=('a', 'b', 'c')),
        data_root=str(root),
    )
    assert found == [
        ('c/1.png', 'c', 'b', 0.5, 0.3, 'c', 0.3),
        ('/other/2.png', 'a', 'a', 0.7, 0.7, 'b', 0.2),
        ('2', 'b', 'c', 0.6, 0.3, 'b', 0.3),
    ]


def test_folder_of_a_data_set_inside_others(tmp_path):
    inner, others = NoisyVectors(False), NoisyVectors(False)
    inner.data_root = f'{tmp_path}/images/'
    data = NoisyVectors(False)
    data.dataset = ConcatDataset([others, inner])
    path = f'{tmp_path}/images/a/1.png'
    (row,) = written(tmp_path, [sample([0.6, 0.4], img_path=path)], dataset=data)
    # No names of classes are known.
    assert row[:3] == ('a/1.png', '0', '0')


@pytest.mark.parametrize(
    'others',
    [
        [],
        [torch.tensor([0.5, 0.5])],
        [ClsDataSample()],
        [ClsDataSample().set_gt_label(0).set_pred_label(0)],
        [ClsDataSample().set_pred_score(torch.tensor([0.5, 0.5]))],
        [sample([0.5, 0.5], [0, 1])],
        # Of several labels an image, each with a probability of its own.
        [sample([0.9, 0.8])],
        [sample([float('nan'), 0.5])],
        [sample([1.0])],
        [sample([0.5, 0.5], 2)],
        [sample([0.5, 0.5], -1)],
        [sample([0.2, 0.3, 0.5]), sample([0.5, 0.5])],
        # One of many.
        [sample([0.5, 0.5]), ClsDataSample()],
        [ClsDataSample(), sample([0.5, 0.5])],
    ],
)
def test_anything_else_leaves_no_files(tmp_path, others):
    assert written(tmp_path, others) == []


class Classifier(ToyNet):
    """Says what mmcls does, of images whose paths are their first numbers."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        found = super().forward(inputs, data_samples, mode)
        if mode != 'predict':
            return found
        made = zip(found.tolist(), data_samples.tolist(), inputs[:, 0].tolist())
        return [sample(p, y, img_path=f'{name:.6f}') for p, y, name in made]


def search(folder, *hooks, **kwargs):
    net = normed_net()
    net.__class__ = Classifier
    model = algorithm_of(net, pretrain_epochs=1, finetune_epochs=2)
    accuracy = dict(type='mmcls.Accuracy')
    runner = runner_of(folder, hooks, model, val_evaluator=accuracy, **kwargs)
    runner.train()
    return runner


def test_last_validation_is_what_there_is(tmp_path):
    runner = search(tmp_path, ExportChildHook())
    work = tmp_path / 'work'
    child = torch.load(work / 'subnet.pth', weights_only=True)
    assert child['meta']['predicted_on'] == 'val' and 'predicted_on' in meta_of(child)
    rows = read_predictions(work)
    data = NoisyVectors(False)
    assert [row.image for row in rows] == [f'{x[0]:.6f}' for x, _ in data]
    assert [row.true for row in rows] == [str(int(label)) for _, label in data]
    right = sum(row.true == row.predicted for row in rows)
    wanted = child['meta']['metrics']['accuracy/top1']
    assert 100 * right / len(rows) == pytest.approx(wanted)
    # They are of the weights that are written: those of the end.
    runner.model.eval()
    inputs = torch.stack([x for x, _ in data])
    with torch.no_grad():
        said = runner.model.architecture(inputs).softmax(-1)
    wanted = pytest.approx(said.max(1).values.tolist(), abs=1e-5)
    assert [row.probability for row in rows] == wanted


class WithoutPredictions(ExportChildHook):
    """As it was before it kept them."""

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        pass


def test_the_search_is_the_same_without(tmp_path):
    runs = [
        search(tmp_path / kind.__name__, kind())
        for kind in (ExportChildHook, WithoutPredictions)
    ]
    assert same(*map(state_of, runs))
    found, other = (
        torch.load(run.work_dir + '/subnet.pth', weights_only=True) for run in runs
    )
    assert found['meta'].pop('predicted_on') == 'val'
    assert same(found, other)


def test_a_file_that_cannot_be_written_ends_no_run(tmp_path, messages):
    """It may be open in another program."""
    net = normed_net()
    net.__class__ = Classifier
    (tmp_path / 'work' / 'predictions.csv').mkdir(parents=True)
    accuracy = dict(type='mmcls.Accuracy')
    hooks, model = [ExportChildHook()], algorithm_of(net)
    runner_of(tmp_path, hooks, model, val_evaluator=accuracy).train()
    child = torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)
    assert 'predicted_on' not in child['meta']
    assert 'predictions.csv cannot be written' in ' '.join(messages)


def test_an_evaluation_alone_writes_nothing(tmp_path):
    net = normed_net()
    net.__class__ = Classifier
    accuracy = dict(type='mmcls.Accuracy')
    hooks, model = [ExportChildHook()], algorithm_of(net)
    runner_of(tmp_path, hooks, model, val_evaluator=accuracy).val()
    assert list(tmp_path.glob('work/*.csv')) == []


def test_other_outputs_leave_no_files(tmp_path):
    """And no word of any in the child."""
    runner_of(tmp_path, [ExportChildHook()]).train()
    child = torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)
    assert 'predicted_on' not in child['meta']
    assert list(tmp_path.glob('work/*.csv')) == []


def on_a_rank(folder):
    """Predictions of 15 vectors on two ranks, of which one is repeated."""
    data = loader(noise=False)
    data['dataset'].update(num=15)
    options = dict(launcher='pytorch', model_wrapper_cfg=WRAPPER)
    search(folder, ExportChildHook(), val_dataloader=data, **options)
    return [list(row) for row in read_predictions(folder / 'work')]


@pytest.mark.slow
def test_images_of_all_ranks(tmp_path):
    found, _ = on_ranks(2, tmp_path, on_a_rank, tmp_path)
    data = NoisyVectors(False, 15)
    assert [row[0] for row in found] == [f'{x[0]:.6f}' for x, _ in data]
    assert {row[1] for row in found} == set(map(str, range(CLASSES)))


def resumed(folder, meta):
    """What the child's file says after a finished run, changed so, is resumed."""
    keeps = dict(type='AtomicCheckpointHook', interval=1)
    options = dict(default_hooks=dict(checkpoint=keeps))
    search(folder, ExportChildHook(), **options)
    path = folder / 'work' / 'subnet.pth'
    child = torch.load(path, weights_only=True)
    child['meta'].update(meta)
    torch.save(child, path)
    last = str(folder / 'work' / 'epoch_3.pth')
    hook = dict(type='ResumeValidationHook')
    again = dict(options, load_from=last, resume=True)
    search(folder, ExportChildHook(), hook, **again)
    return torch.load(path, weights_only=True)['meta']


def test_a_test_whose_data_have_gone(tmp_path):
    """Its metrics stay; the predictions are those of the validation now."""
    tested = {'accuracy/top1': 7.0}
    meta = resumed(tmp_path, dict(test_metrics=tested, predicted_on='test'))
    assert meta['test_metrics'] == tested
    assert meta['predicted_on'] == 'val'
