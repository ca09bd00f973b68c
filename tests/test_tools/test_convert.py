"""The smaller tools."""

import re

import torch

from tests.test_tools.conftest import DIGITS

TOOL = 'model_converters/convert_supernet2subnet.py'
SHAPE = 'model.resource_estimator.input_shape=(1,3,32,32)'


def test_child_of_a_checkpoint_is_that_of_the_run(run_tool, search, tmp_path):
    work_dir, _ = search
    run_tool(
        TOOL,
        DIGITS,
        work_dir / 'epoch_3.pth',
        tmp_path / 'out',
        '--cfg-options',
        SHAPE,
        cwd=tmp_path,
    )
    ours = torch.load(tmp_path / 'out' / 'subnet.pth', weights_only=True)
    of_run = torch.load(work_dir / 'subnet.pth', weights_only=True)
    for name in ('subnet', 'plan', 'epoch'):
        assert ours['meta'][name] == of_run['meta'][name]
    assert ours['state_dict'].keys() == of_run['state_dict'].keys()
    for name, value in ours['state_dict'].items():
        assert torch.equal(value, of_run['state_dict'][name])
    yaml = (tmp_path / 'out' / 'subnet.yaml').read_text()
    assert yaml == (work_dir / 'subnet.yaml').read_text()


def test_output_may_be_a_file(run_tool, search, tmp_path):
    """Also for a checkpoint of the search stage, where nothing is fixed."""
    work_dir, _ = search
    done = run_tool(
        TOOL,
        DIGITS,
        work_dir / 'epoch_1.pth',
        'child.pth',
        '--cfg-options',
        SHAPE,
        cwd=tmp_path,
    )
    assert 'not finished' in done.stdout and '1 of 3 epochs' in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ['child.pth', 'child.yaml']


def test_the_child_is_within_the_limit(run_tool, search, tmp_path):
    """That of the tool's config: the search had none, so nothing presses there."""
    work_dir, _ = search
    costs = []
    for limit in ([], ['model.cost.limit=1e6'], None):
        if limit is None:
            limit = [f'model.cost.limit={costs[0] - 1e-4}']
        run_tool(
            TOOL,
            DIGITS,
            work_dir / 'epoch_1.pth',
            'child.pth',
            '--cfg-options',
            SHAPE,
            *limit,
            cwd=tmp_path,
        )
        meta = torch.load(tmp_path / 'child.pth', weights_only=True)['meta']
        costs.append(meta['mflops'])
    assert costs[1] == costs[0] and costs[2] <= costs[0] - 1e-4


def test_checkpoint_of_another_model_leaves_no_file(run_tool, search, tmp_path):
    work_dir, _ = search
    done = run_tool(
        TOOL, DIGITS, work_dir / 'subnet.pth', 'out', cwd=tmp_path, fails=True
    )
    assert re.match('error: .*belongs to another model', done.stderr.splitlines()[-1])
    assert not (tmp_path / 'out').exists()


def test_config_of_a_child_is_refused(run_tool, search, tmp_path):
    work_dir, _ = search
    done = run_tool(
        TOOL,
        'dsnas_subnet_1xb64_digits',
        work_dir / 'subnet.pth',
        'out',
        '--cfg-options',
        f'model.fix_subnet={work_dir / "subnet.yaml"}',
        cwd=tmp_path,
        fails=True,
    )
    last = done.stderr.splitlines()[-1]
    assert re.match('error: the config must be that of a search', last)


def test_print_config_shows_what_is_inherited(run_tool, tmp_path):
    done = run_tool(
        'misc/print_config.py',
        'dsnas_supernet_1xb64_folder',
        '--cfg-options',
        'data_root=somewhere',
        cwd=tmp_path,
    )
    assert "default_scope = 'mmdsnas'" in done.stdout
    assert done.stdout.count("'data_root': 'somewhere'") == 3
