"""Searches in one process, as a notebook runs them."""

import json
import re
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmcls.models import GlobalAveragePooling
from mmengine.dataset import BaseDataset
from mmengine.logging import MessageHub, MMLogger
from mmengine.utils import ManagerMixin

import mmdsnas
from mmdsnas import load_child, search, train
from mmdsnas.datasets import Digits
from mmdsnas.engine import ExportChildHook, evaluation
from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.searching import own_instances
from mmdsnas.models import DSNAS
from mmdsnas.subnets import ending
from mmdsnas.visualization import read_run
from mmdsnas.visualization.summary import summary

DIGITS = 'dsnas_supernet_1xb64_digits'
# Three epochs, one of each stage, on 128 of the digits at 32 x 32.
SHORT = {
    'train_cfg': dict(max_epochs=3),
    'model.pretrain_epochs': 1,
    'model.finetune_epochs': 2,
    'model.resource_estimator.input_shape': (1, 3, 32, 32),
    'train_dataloader.dataset.indices': 128,
    'train_dataloader.dataset.pipeline.0.scale': (32, 32),
    'train_dataloader.dataset.pipeline.1.crop_size': 32,
    'val_dataloader.dataset.pipeline.0.scale': (32, 32),
    'test_dataloader.dataset.pipeline.0.scale': (32, 32),
    # Other data than those of the validation.
    'test_dataloader.dataset.indices': 50,
    'param_scheduler.architecture.1.end': 3,
    'param_scheduler.architecture.1.T_max': 1,
}


class Pooling(GlobalAveragePooling):
    """That of mmcls by another name."""


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """Two searches that differ in their seed, begun in the same second."""
    folder = tmp_path_factory.mktemp('searches')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, 'strftime', lambda *_: '20260101_000000')
        return [
            search(DIGITS, folder / str(seed), **SHORT, randomness=dict(seed=seed))
            for seed in (1, 2)
        ]


@pytest.mark.slow
def test_the_result_is_what_the_run_left(results):
    for result in results:
        left = torch.load(result.checkpoint, weights_only=True)
        assert result.subnet == left['meta']['subnet'] and len(result.subnet) == 8
        assert result.cost == {k: left['meta'][k] for k in ('mflops', 'mparams')}
        assert result.accuracy == left['meta']['metrics']['accuracy/top1']
        weights = result.child.state_dict()
        assert weights.keys() == left['state_dict'].keys()
        assert all(torch.equal(weights[k], v) for k, v in left['state_dict'].items())
        assert result.report.is_file()
        assert result.missing is None and 'The search is done.' in str(result)
        part = replace(result, meta={**result.meta, 'epoch': 2})
        assert '2 of 3' in part.missing and part.missing in str(part)
        for part in (*result.subnet.values(), f'{result.cost["mflops"]:.3f}'):
            assert part in str(result)


@pytest.mark.slow
def test_runs_do_not_mix(results):
    for seed, result in enumerate(results, 1):
        (log,) = result.work_dir.glob('*/*.log')
        text = log.read_text()
        assert re.findall(r'Epoch\(train\) \[(\d)\]', text) == ['1', '2', '3']
        assert re.findall(r'^ +seed: (\d+)', text, re.M) == [str(seed)]
        assert text.count('The search is done.') == 1
        run = read_run(result.work_dir)
        assert run.train['loss'].at == [1, 2, 3]
        (scalars,) = result.work_dir.glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in scalars.read_text().splitlines()]
        # Two lines of a training of two iterations, one of its validation.
        assert [line['step'] for line in lines] == [2, 2, 1, 4, 4, 2, 6, 6, 3]


def test_instances_of_the_caller_are_there_again(results):
    """And none of a run that ended, whose log is closed."""
    before = MMLogger.get_current_instance(), MessageHub.get_current_instance()
    with own_instances():
        inside = MessageHub.get_instance('inside')
        assert MessageHub.get_current_instance() is inside
        assert MMLogger.get_current_instance() is not before[0]
    after = MMLogger.get_current_instance(), MessageHub.get_current_instance()
    assert after == before
    begun = [
        folder.parent.name for r in results for folder in r.work_dir.glob('*/vis_data')
    ]
    names = [
        name for kind in ManagerMixin.__subclasses__() for name in kind._instance_dict
    ]
    assert not [name for name in names if name.endswith(tuple(begun))]


def test_an_error_gives_them_back_too(tmp_path):
    before = MMLogger.get_current_instance()
    with pytest.raises(ConfigError, match='model: pretrain_epochs'):
        search(DIGITS, tmp_path, **{'model.pretrain_epochs': -1})
    assert MMLogger.get_current_instance() is before


@pytest.mark.slow
def test_a_config_object_is_copied(results, tmp_path):
    config = load_config(DIGITS, resolve=False)
    # Classes stand for themselves, one that nothing registers too.
    config.model.type = DSNAS
    config.train_dataloader.dataset.type = Digits
    before = config.to_dict()
    classes = {'model.architecture.neck.type': Pooling}
    result = search(config, tmp_path, **SHORT, **classes, randomness=dict(seed=1))
    assert config.to_dict() == before
    assert type(result.child.neck) is Pooling
    assert result.subnet == results[0].subnet
    assert result.accuracy == results[0].accuracy


@pytest.mark.slow
def test_a_search_goes_on_where_it_was(results, tmp_path):
    """Of three epochs after the second one."""
    stopped = {**SHORT, 'train_cfg': dict(max_epochs=2), 'randomness': dict(seed=1)}
    train(DIGITS, tmp_path, options=stopped)
    whole = {**SHORT, 'randomness': dict(seed=1)}
    result = search(DIGITS, tmp_path, resume=True, **whole)
    assert result.subnet == results[0].subnet
    wanted = load_child(results[0].work_dir).state_dict()
    weights = result.child.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in wanted.items())


SIZE = {'test_dataloader.dataset.pipeline.0.scale': (32, 32)}
CHILD = 'dsnas_subnet_1xb64_digits'


def test_data_without_classes_are_tested(results, tmp_path, monkeypatch):
    """As those that are not mmengine's; with them, other classes are refused."""
    work = (CHILD, results[0].checkpoint, tmp_path)
    others = {'test_dataloader.dataset.metainfo': dict(classes=tuple('abcdefghij'))}
    with own_instances():
        with pytest.raises(CheckpointError, match='is of the classes'):
            mmdsnas.test(*work, options={**SIZE, **others})
        monkeypatch.delattr(BaseDataset, 'metainfo')
        metrics = mmdsnas.test(*work, options=SIZE)
    assert metrics['accuracy/top1'] == results[0].accuracy


def test_a_test_tells_of_a_search_that_is_not_finished(results, tmp_path, monkeypatch):
    child = torch.load(results[0].checkpoint, weights_only=True)
    child['meta']['epoch'] = 2
    torch.save(child, tmp_path / 'part.pth')
    told = []
    monkeypatch.setattr(ending, 'print_log', lambda text, *_: told.append(text))
    with own_instances():
        mmdsnas.test(CHILD, tmp_path / 'part.pth', tmp_path, options=SIZE)
    (text,) = told
    assert 'part.pth' in text and '2 of 3' in text


def test_the_child_is_tested_alone(results):
    options = {**SIZE, 'test_dataloader.dataset.indices': 50}
    for result in results:
        work = (CHILD, result.checkpoint, result.work_dir / 'test')
        with own_instances():
            found = mmdsnas.test(*work, options=options)
        assert result.test_metrics == found
        assert result.metrics['accuracy/top1'] == result.accuracy
        told = dict(summary([read_run(result.work_dir)]))
        tested = f'{found["accuracy/top1"]:.2f}'
        assert told['accuracy/top1 (test of the child)'] == [tested]
        assert f'test: accuracy/top1: {tested}' in str(result)


def test_predictions_are_those_of_the_test(results):
    """Of digits, which have numbers in place of paths, and no folder of images."""
    for result in results:
        run = read_run(result.work_dir)
        assert result.meta['predicted_on'] == run.child.predicted_on == 'test'
        assert [row.image for row in run.predictions] == list(map(str, range(50)))
        right = sum(row.true == row.predicted for row in run.predictions)
        wanted = result.test_metrics['accuracy/top1']
        assert 100 * right / 50 == pytest.approx(wanted)
        page = result.report.read_text()
        assert 'id="class-accuracy"' in page and '<img' not in page


@pytest.mark.slow
def test_the_child_is_tested_once(results, tmp_path, monkeypatch):
    """A run that was killed in the test has it done when it is resumed."""
    work = tmp_path / 'work'
    shutil.copytree(results[0].work_dir, work)
    left = torch.load(work / 'subnet.pth', weights_only=True)
    tested = left['meta'].pop('test_metrics')
    # Whoever put the file there does not say which classes are imported.
    left['meta']['child_config']['model']['cfg']['neck']['type'] = f'{__name__}.Pooling'
    torch.save(left, work / 'subnet.pth')
    given = evaluation.evaluate
    monkeypatch.setattr(
        evaluation,
        'evaluate',
        lambda *args: {k: np.float64(value) for k, value in given(*args).items()},
    )
    # As where the last epoch is not validated; a validation rewrites the file.
    monkeypatch.setattr(ExportChildHook, 'after_val_epoch', lambda *_, **__: None)
    again = dict(SHORT, randomness=dict(seed=1), resume=work / 'epoch_3.pth')
    result = search(DIGITS, work, **again)
    assert result.test_metrics == tested
    assert type(result.child.neck) is GlobalAveragePooling
    found = torch.load(work / 'subnet.pth', weights_only=True)['meta']
    assert {type(value) for value in found['test_metrics'].values()} == {float}
    # Another time there is nothing to do, with a validation too; another result
    # would be seen.
    monkeypatch.undo()
    monkeypatch.setattr(evaluation, 'evaluate', lambda *_: {})
    result = search(DIGITS, work, **again)
    assert result.test_metrics == tested and result.meta['predicted_on'] == 'test'


def test_a_child_is_no_search(tmp_path):
    with pytest.raises(ConfigError, match='must be that of a search.*subnet_1xb64_d'):
        search(CHILD, tmp_path / 'work')
    assert not (tmp_path / 'work').exists()
