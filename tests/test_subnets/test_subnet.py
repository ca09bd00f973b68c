from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
import yaml
from mmrazor.structures import export_fix_subnet

from mmdsnas.errors import ConfigError, SubnetError
from mmdsnas.models import OneHotMutableOP
from mmdsnas.registry import MODELS
from mmdsnas.subnets import (
    check_subnet,
    child_state_dict,
    read_subnet,
    subnet_of_path,
    write_subnet,
)


def block(*choices, alias=None):
    return OneHotMutableOP(
        nn.ModuleDict({name: nn.Linear(2, 2) for name in choices}), alias=alias
    )


@pytest.fixture
def model():
    return nn.Sequential(block('a', 'b'), nn.Linear(2, 2), block('a', 'c'))


def test_round_trip_in_mmrazors_format(tmp_path, model):
    subnet = {'0': 'b', '2': 'a'}
    write_subnet(subnet, tmp_path / 'subnet.yaml')
    assert read_subnet(tmp_path / 'subnet.yaml') == subnet
    for module, choice in zip((model[0], model[2]), subnet.values()):
        module.current_choice = choice
    theirs = {
        name: dict(chosen=entry.chosen)
        for name, entry in export_fix_subnet(model)[0].items()
    }
    assert yaml.safe_load((tmp_path / 'subnet.yaml').read_text()) == theirs
    assert [p.name for p in tmp_path.iterdir()] == ['subnet.yaml']


@pytest.mark.parametrize(
    'source',
    [
        {'0': 'b'},
        {'0': {'chosen': 'b'}},
        {'0': {'chosen': 'b', 'meta': {'all_choices': ['a', 'b']}}},
        {'architecture.0': {'chosen': 'b'}},
    ],
)
def test_accepted_forms(source):
    assert read_subnet(source) == {'0': 'b'}


@pytest.mark.parametrize(
    'content, sentence',
    [
        (None, 'subnet.yaml does not exist'),
        ('a: [', 'subnet.yaml is not valid YAML'),
        (b'\xff\xfe\xfa', 'subnet.yaml is not valid YAML'),
        ('', 'must map blocks to candidates.*holds None'),
        ('- a', 'must map blocks to candidates'),
        ('a: 3', "the entry of 'a' must be.*but is 3"),
        ('a: {choose: b}', "the entry of 'a'"),
        ('3: {chosen: b}', 'the entry of 3'),
        ('a: &x {chosen: b}\nb: *x', r'not valid YAML: there is an alias, \*x.*line 2'),
        ('[' * 10**4, 'not valid YAML: there are more than 20 levels'),
        ('a: 2026-99-99', 'is not valid YAML: month must be in 1..12'),
        ('a: !!bool x', 'is not valid YAML'),
    ],
)
def test_broken_file_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / 'subnet.yaml'
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SubnetError, match=sentence) as error:
        read_subnet(path)
    assert '\n' not in str(error.value)


def test_a_file_cannot_run_code(tmp_path):
    path = tmp_path / 'subnet.yaml'
    mark = tmp_path / 'it_ran'
    path.write_text(f'!!python/object/apply:os.mkdir ["{mark}"]')
    with pytest.raises(SubnetError, match='not valid YAML'):
        read_subnet(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    'subnet, sentence',
    [
        ({'0': 'a'}, "no entry for block '2'"),
        ({'0': 'a', '2': 'a', '22': 'a'}, r"names block '22'.*nearest: '2'\)"),
        ({'0': 'a', '2': 'b'}, "chooses 'b' for block 2, which has a, c"),
    ],
)
def test_subnet_of_another_supernet_is_refused(model, subnet, sentence):
    with pytest.raises(SubnetError, match=f'{sentence}.*another supernet'):
        check_subnet(model, subnet)


def test_child_has_the_chosen_candidates_alone(model):
    weights = child_state_dict(model, {'0': 'b', '2': 'a'})
    assert set(weights) == {
        f'{name}.{part}'
        for name in ('0._candidates.b', '1', '2._candidates.a')
        for part in ('weight', 'bias')
    }
    assert torch.equal(weights['0._candidates.b.weight'], model[0]._candidates.b.weight)


def test_similar_names_do_not_mix():
    """Candidate 'b' is dropped, not 'bb', and block '1' is not block '11'."""
    model = nn.Sequential(*[block('b', 'bb') for _ in range(12)])
    subnet = {str(i): 'b' if i == 1 else 'bb' for i in range(12)}
    weights = child_state_dict(model, subnet)
    assert len(weights) == 24
    assert '1._candidates.b.weight' in weights
    assert '11._candidates.bb.weight' in weights


def test_aliases_name_blocks():
    model = nn.Sequential(block('a', 'b', alias='x'), block('a', 'b', alias='x'))
    mutator = SimpleNamespace(search_groups={'module_0': [model[0], model[1]]})
    search = SimpleNamespace(architecture=model, mutator=mutator)
    subnet = subnet_of_path(search, {'module_0': 'b'})
    assert subnet == {'x': 'b'}
    check_subnet(model, subnet)
    assert not [name for name in child_state_dict(model, subnet) if '.a.' in name]


def classifier():
    part = dict(type='mmrazor.ShuffleBlock', kernel_size=3)
    cell = dict(
        type='mmdsnas.OneHotMutableOP',
        candidates=dict(small=part, large=dict(part, kernel_size=5)),
    )
    return dict(
        type='mmcls.ImageClassifier',
        backbone=dict(
            type='mmrazor.SearchableShuffleNetV2',
            arch_setting=[[16, 2, cell]],
            with_last_layer=False,
            out_indices=(0,),
        ),
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(type='mmcls.LinearClsHead', num_classes=3, in_channels=16),
    )


SUBNET = {'backbone.layers.0.0': 'small', 'backbone.layers.0.1': 'large'}


@pytest.mark.parametrize('kind', ['mmdsnas.sub_model', 'mmrazor.sub_model'])
def test_sub_model_is_the_child(tmp_path, kind):
    """MMRazor's builder works on our blocks as well."""
    write_subnet(SUBNET, tmp_path / 'subnet.yaml')
    child = MODELS.build(
        dict(type=kind, cfg=classifier(), fix_subnet=str(tmp_path / 'subnet.yaml'))
    )
    blocks = child.backbone.layers[0]
    assert [b.choices for b in blocks] == [['small'], ['large']]
    assert all(b.is_fixed for b in blocks)
    assert child(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def test_sub_model_without_a_subnet_is_refused():
    with pytest.raises(ConfigError, match='model.fix_subnet must be the subnet file'):
        MODELS.build(dict(type='sub_model', cfg=classifier()))
