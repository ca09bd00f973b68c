import pytest

from mmdsnas.utils.data_sets import data_sets, loaders, pipeline_of, resized_pipeline

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


@pytest.mark.parametrize(
    'transform, wanted',
    [
        (dict(type='Resize', scale=(64, 64)), dict(type='Resize', scale=(48, 48))),
        # What a centre is cut out of: 73 * 3 / 4 is 54.75.
        (dict(type='ResizeEdge', scale=73), dict(type='ResizeEdge', scale=55)),
        (dict(type='CenterCrop', crop_size=64), dict(type='CenterCrop', crop_size=48)),
        (dict(type='Pad', size=[64, -1]), dict(type='Pad', size=[48, -1])),
        # Factors and names are no pixels.
        (dict(type='X', scale=(0.08, 1.0)), dict(type='X', scale=(0.08, 1.0))),
        (dict(type='X', size=True, scale='x'), dict(type='X', size=True, scale='x')),
        (dict(type='X', padding=64), dict(type='X', padding=64)),
    ],
)
def test_a_pipeline_for_smaller_images(transform, wanted):
    before = dict(transform)
    assert resized_pipeline([transform, dict(type='Y')], 64, 48) == [
        wanted,
        dict(type='Y'),
    ]
    assert transform == before
    assert resized_pipeline([transform], 64, 64) == [transform]


def test_a_size_that_is_none_stays():
    assert resized_pipeline([dict(size=(64, -1))], 64, 16) == [dict(size=(16, -1))]
