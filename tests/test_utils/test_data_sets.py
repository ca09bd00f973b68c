import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdsnas.registry import TRANSFORMS
from mmdsnas.utils.data_sets import (
    data_sets,
    is_resized,
    loaders,
    pipeline_of,
    resized_pipeline,
)

INNER, OTHER = dict(type='A', pipeline=[1]), dict(type='B', data_root='b')
NESTED = dict(
    type='Repeat',
    dataset=dict(type='Concat', datasets=[INNER, dict(type='Each', dataset=OTHER)]),
)


@pytest.mark.parametrize(
    'dataset, found',
    [
        (None, {}),
        (object(), {}),
        (INNER, {'dataset': INNER}),
        (
            NESTED,
            {
                'dataset.dataset.datasets.0': INNER,
                'dataset.dataset.datasets.1.dataset': OTHER,
            },
        ),
        # An option of its own by that name.
        (dict(type='C', dataset='x'), {'dataset': dict(type='C', dataset='x')}),
    ],
)
def test_the_innermost_ones_are_found(dataset, found):
    assert data_sets(dict(dataset=dataset)) == found


def test_they_are_no_copies():
    assert INNER in data_sets(dict(dataset=NESTED)).values() and not data_sets(None)
    assert next(iter(data_sets(dict(dataset=NESTED)).values())) is INNER


@pytest.mark.parametrize(
    'dataset, pipeline', [(NESTED, [1]), (OTHER, []), (object(), [])]
)
def test_pipeline(dataset, pipeline):
    assert pipeline_of(dict(dataset=dataset)) == pipeline


@pytest.mark.parametrize('hooks', [None, 3, [3, dict(dataloader='x'), dict(type='y')]])
def test_loaders_are_dicts(hooks):
    found = loaders(
        dict(train_dataloader=dict(a=1), val_dataloader=4, custom_hooks=hooks)
    )
    assert found == dict(train_dataloader=dict(a=1))


def test_loaders_of_hooks():
    hooks = [3, dict(dataloader=dict(a=1))]
    named = dict(x=dict(dataloader=dict(b=2)), y=None)
    assert loaders(dict(custom_hooks=hooks, default_hooks=named)) == {
        'custom_hooks.1.dataloader': dict(a=1),
        'default_hooks.x.dataloader': dict(b=2),
    }


def test_a_pipeline_for_smaller_images():
    """The images are packed as before, the last thing of all."""
    pipeline = [dict(type='CenterCrop', crop_size=64), dict(type='mmcls.PackClsInputs')]
    crop, resize, pack = resized_pipeline(pipeline, 48)
    assert [crop, pack] == pipeline and resize['scale'] == (48, 48)
    assert is_resized([crop, resize, pack]) and not is_resized(pipeline)
    assert resized_pipeline([], 48) == [resize]


@pytest.mark.parametrize('size', [64, 48, 32, 80])
def test_it_resizes_as_a_search_does(size):
    """An image in levels of grey differs from torch's by the rounding alone."""
    image = np.random.default_rng(0).integers(256, size=(96, 96, 3), dtype=np.uint8)
    (step,) = resized_pipeline([], size)
    found = TRANSFORMS.build(step)(dict(img=image))['img']
    inputs = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    wanted = F.interpolate(inputs, (size, size), mode='bilinear', antialias=True)
    wanted = wanted[0].permute(1, 2, 0).numpy()
    # Once for its rows, and once for its columns.
    assert np.abs(found - wanted).max() < 1.1
