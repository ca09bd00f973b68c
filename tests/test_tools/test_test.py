"""tools/test.py on what a search leaves."""

import json
import pickle
import re

import torch
import yaml

from tests.test_tools.conftest import DIGITS, SHORT, SMALL_TEST

CHILD = 'dsnas_subnet_1xb64_digits'


def accuracy(done):
    return re.findall(r'^accuracy/top1: ([\d.]+)$', done.stdout, re.M)[-1]


def last_validation(printed):
    return re.findall(r'Epoch\(val\).*accuracy/top1: ([\d.]+)', printed)[-1]


def test_child_has_the_accuracy_of_the_last_validation(run_tool, search, tmp_path):
    work_dir, printed = search
    weights = work_dir / 'subnet.pth'
    recorded = run_tool(
        'test.py', CHILD, weights, '--cfg-options', *SMALL_TEST, cwd=tmp_path
    )
    given = run_tool(
        'test.py',
        CHILD,
        weights,
        '--cfg-options',
        *SMALL_TEST,
        f'model.fix_subnet={work_dir / "subnet.yaml"}',
        cwd=tmp_path,
    )
    assert accuracy(recorded) == accuracy(given) == last_validation(printed)


def test_supernet_checkpoint_runs_the_child(run_tool, search, tmp_path):
    work_dir, printed = search
    done = run_tool(
        'test.py',
        DIGITS,
        work_dir / 'epoch_3.pth',
        '--out',
        'metrics.json',
        '--out-item',
        'metrics',
        '--cfg-options',
        *SMALL_TEST,
        'model.resource_estimator.input_shape=(1,3,32,32)',
        cwd=tmp_path,
    )
    assert accuracy(done) == last_validation(printed)
    alone = run_tool(
        'test.py',
        CHILD,
        work_dir / 'epoch_3.pth',
        '--cfg-options',
        *SMALL_TEST,
        cwd=tmp_path,
    )
    assert accuracy(alone) == accuracy(done)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert f'{metrics["accuracy/top1"]:.4f}' == accuracy(done)


def test_predictions_and_pictures(run_tool, search, tmp_path):
    work_dir, _ = search
    run_tool(
        'test.py',
        CHILD,
        work_dir / 'subnet.pth',
        '--out',
        'predictions.pkl',
        '--show-dir',
        'pictures',
        '--cfg-options',
        *SMALL_TEST,
        'test_dataloader.dataset.indices=7',
        cwd=tmp_path,
    )
    predictions = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
    assert len(predictions) == 7
    assert len(list(tmp_path.glob('**/pictures/**/*.png'))) == 7


def test_child_trained_alone_names_its_subnet(run_tool, search, tmp_path):
    work_dir, _ = search
    small = [o for o in SHORT if 'dataloader' in o] + ['train_cfg.max_epochs=1']
    run_tool(
        'train.py',
        CHILD,
        '--work-dir',
        'child',
        '--cfg-options',
        *small,
        f'model.fix_subnet={work_dir / "subnet.yaml"}',
        cwd=tmp_path,
    )
    run_tool(
        'test.py',
        CHILD,
        'child/epoch_1.pth',
        '--cfg-options',
        *SMALL_TEST,
        cwd=tmp_path,
    )


def test_other_subnet_than_the_weights_is_refused(run_tool, search, tmp_path):
    work_dir, _ = search
    subnet = yaml.safe_load((work_dir / 'subnet.yaml').read_text())
    block = subnet['backbone.layers.1.1']
    block['chosen'] = {'shuffle_3x3': 'shuffle_5x5'}.get(block['chosen'], 'shuffle_3x3')
    (tmp_path / 'other.yaml').write_text(yaml.safe_dump(subnet))
    done = run_tool(
        'test.py',
        CHILD,
        work_dir / 'subnet.pth',
        '--cfg-options',
        'model.fix_subnet=other.yaml',
        cwd=tmp_path,
        fails=True,
    )
    assert re.match(
        'error: model.fix_subnet is other.yaml', done.stderr.splitlines()[-1]
    )


def test_weights_of_another_model_are_refused(run_tool, search, tmp_path):
    """Also where only some of them differ, which mmengine only warns about."""
    work_dir, _ = search
    child = torch.load(work_dir / 'subnet.pth', weights_only=True)
    del child['state_dict']['head.fc.bias']
    torch.save(child, tmp_path / 'headless.pth')
    done = run_tool('test.py', CHILD, 'headless.pth', cwd=tmp_path, fails=True)
    last = done.stderr.splitlines()[-1]
    assert re.match('error: checkpoint headless.pth .*head.fc.bias is missing', last)


def test_damaged_and_unsafe_files_are_refused(run_tool, search, tmp_path):
    work_dir, _ = search
    whole = (work_dir / 'subnet.pth').read_bytes()
    (tmp_path / 'cut.pth').write_bytes(whole[: len(whole) // 2])
    done = run_tool('test.py', CHILD, 'cut.pth', cwd=tmp_path, fails=True)
    assert re.match(
        'error: checkpoint cut.pth is damaged', done.stderr.splitlines()[-1]
    )
    done = run_tool('test.py', CHILD, 'none.pth', cwd=tmp_path, fails=True)
    assert 'error: checkpoint none.pth does not exist' in done.stderr

    mark = tmp_path / 'it_ran'
    torch.save(dict(state_dict={}, payload=_Payload(str(mark))), tmp_path / 'evil.pth')
    done = run_tool('test.py', CHILD, 'evil.pth', cwd=tmp_path, fails=True)
    assert re.match('error: checkpoint evil.pth holds', done.stderr.splitlines()[-1])
    assert not mark.exists()


class _Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')
