"""What the converted files are good for."""

import pytest
import torch
import yaml
from mmengine.registry import DefaultScope

from mmdsnas.launch.run_config import load_config
from mmdsnas.models.weights import load_weights
from mmdsnas.registry import MODELS
from mmdsnas.subnets import use_recorded_subnet
from mmdsnas.subnets.checkpoint import load_checkpoint
from tests.jpegs import plain_folders
from tests.test_reference.filling import CASES, REFERENCE, assert_logits, images

SEARCH = 'dsnas_official-supernet_8xb128_in1k'
CASE = CASES[0]


def chosen():
    return [REFERENCE['candidate_names'][k] for k in CASE['path']]


def build(config):
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model).double().eval()


def test_supernet_has_the_authors_logits(convert, files, tmp_path):
    out = tmp_path / 'new' / 'supernet.pth'
    printed = convert(files / 'model.pth-80', out)
    checkpoint = load_checkpoint(out)
    meta = checkpoint['meta']
    assert (meta['epoch'], meta['lr']) == (80, 0.25)
    assert list(meta['subnet'].values()) == chosen()
    rows = [line.split() for line in printed.splitlines() if 'backbone' in line]
    assert [row[:2] for row in rows] == [list(row) for row in meta['subnet'].items()]
    assert f'This supernet, epoch 80, lr 0.25 was written to {out}.' in printed

    config = load_config(SEARCH)
    model = build(config)
    load_weights(model, checkpoint, out)
    with torch.no_grad():
        assert_logits(model(images(CASE), mode='tensor'), CASE)


def test_child_has_the_authors_logits(convert, files, tmp_path):
    out = tmp_path / 'child_of_ours.pth'
    assert f'This child was written to {out}.' in convert(files / 'child.pth', out)
    checkpoint = load_checkpoint(out)
    # That of the evaluation with the eps of the search.
    config = load_config('dsnas_official-search240_8xb128_in1k')
    use_recorded_subnet(config.model, checkpoint, {})
    model = build(config)
    load_weights(model, checkpoint, out)
    with torch.no_grad():
        assert_logits(model(images(CASE), mode='tensor'), CASE)


def test_child_of_the_converted_supernet(convert, run_here, files, tmp_path):
    """It is the converted child, in the search's float32."""
    converted, supernet = tmp_path / 'child.pth', tmp_path / 'supernet.pth'
    made = tmp_path / 'made.pth'
    convert(files / 'child.pth', converted)
    convert(files / 'model.pth-80', supernet)
    tool = 'model_converters/convert_supernet2subnet.py'
    run_here(tool, SEARCH, supernet, made)
    child, made_child = (load_checkpoint(path) for path in (converted, made))
    assert child['meta']['subnet'] == made_child['meta']['subnet']
    assert child['state_dict'].keys() == made_child['state_dict'].keys()
    for name, value in made_child['state_dict'].items():
        assert torch.equal(child['state_dict'][name].to(value.dtype), value), name
    subnet = yaml.safe_load(made.with_suffix('.yaml').read_text())
    assert [block['chosen'] for block in subnet.values()] == chosen()


@pytest.mark.parametrize(
    'source, config',
    [
        ('model.pth-80', SEARCH),
        ('child.pth', 'dsnas_official-retrain240_8xb128_in1k'),
    ],
)
def test_test_takes_what_it_writes(convert, run_tool, files, tmp_path, source, config):
    convert(files / source, tmp_path / 'converted.pth')
    plain_folders(tmp_path / 'images', train=1, val=1)
    loader = dict(batch_size=3, num_workers=0, persistent_workers=False)
    done = run_tool(
        'test.py',
        config,
        'converted.pth',
        '--cfg-options',
        'data_root=images',
        *(f'test_dataloader.{option}={value}' for option, value in loader.items()),
        cwd=tmp_path,
    )
    assert 'accuracy/top1: ' in done.stdout
