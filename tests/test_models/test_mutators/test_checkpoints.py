"""What the mutator makes of checkpoints, of MMRazor's among them."""

import copy
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from mmengine.utils import get_installed_path
from mmrazor.registry import MODELS as RAZOR_MODELS

from mmdsnas.errors import CheckpointError
from mmdsnas.launch.run_config import load_config
from mmdsnas.models.weights import load_weights
from mmdsnas.registry import MODELS
from tests.toy import algorithm_of, set_alpha, smooth_net

NAME = 'dsnas_supernet_8xb128_in1k'
ALPHAS = [[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 4.0, 3.0]]


def older(state_dict):
    """The names that MMRazor gave before its version 1.0.0."""
    return {
        re.sub(r'^mutator\._arch_params\.module_', 'mutator.arch_params.', name): value
        for name, value in state_dict.items()
    }


@pytest.fixture(scope='module')
def razor():
    """MMRazor's own DSNAS, with random weights, statistics and alpha."""
    root = get_installed_path('mmrazor')
    config = Config.fromfile(f'{root}/.mim/configs/nas/mmcls/dsnas/{NAME}.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmcls'):
        model = RAZOR_MODELS.build(config.model).double()
    model.eval()
    for name, value in model.state_dict().items():
        if name.endswith('running_var'):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.add_(0.1 * torch.randn_like(value))
    assert type(model).__module__.startswith('mmrazor.')
    assert 'mutator._arch_params.module_19' in model.state_dict()
    return model


@pytest.fixture(scope='module')
def ours():
    config = load_config(NAME)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model).double().eval()


@pytest.mark.slow
@pytest.mark.parametrize('layout', [dict, older])
def test_mmrazors_search_has_the_same_child_here(razor, ours, layout):
    inputs = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    state_dict = layout(razor.state_dict())
    ours.load_state_dict(
        {name: torch.zeros_like(value) for name, value in ours.state_dict().items()}
    )
    ours.load_state_dict(state_dict)

    child = razor.mutator.sample_choices()
    assert len(set(child.values())) == 4
    assert ours.mutator.derive_child() == child
    assert ours.mutator.fixed == {}
    alone = copy.deepcopy(razor.architecture)
    blocks = [m for m in alone.modules() if hasattr(m, 'fix_chosen')]
    for block, choice in zip(blocks, child.values(), strict=True):
        block.fix_chosen(choice)
    with torch.no_grad():
        expected = alone(inputs, mode='tensor')
        logits = ours(inputs, mode='tensor')
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-12)
    assert expected.std() > 1e-3


@pytest.fixture
def algorithm():
    return algorithm_of(smooth_net())


@pytest.fixture
def saved():
    """Weights of a search with other alphas, without a record of what is fixed."""
    search = algorithm_of(smooth_net())
    set_alpha(search.mutator, *ALPHAS)
    state = search.state_dict()
    del state['mutator._fixed']
    return state


def alphas(algorithm):
    return [alpha.tolist() for alpha in algorithm.mutator.arch_params.values()]


@pytest.mark.parametrize('layout', [dict, older])
def test_every_way_of_loading_takes_both_layouts(saved, layout):
    state = layout(saved)
    algorithm = algorithm_of(smooth_net())
    load_weights(algorithm, dict(state_dict=state), 'a.pth')
    assert alphas(algorithm) == ALPHAS
    # load_from and resume.
    algorithm = algorithm_of(smooth_net())
    _load_checkpoint_to_model(algorithm, dict(state_dict=state), strict=True)
    assert alphas(algorithm) == ALPHAS
    assert set(state) == set(layout(saved))


def test_alphas_that_do_not_fit_are_reported(algorithm, saved):
    state = older(saved)
    for other, unexpected, missing in (
        ({**state, 'mutator.arch_params.3': torch.zeros(3)}, 1, 0),
        ({n: v for n, v in state.items() if n != 'mutator.arch_params.1'}, 0, 1),
    ):
        found = algorithm.load_state_dict(other, strict=False)
        assert len(found.unexpected_keys) == unexpected
        assert len(found.missing_keys) == missing
    found = algorithm.load_state_dict({**state, **saved}, strict=False)
    assert sorted(found.unexpected_keys) == [f'mutator.arch_params.{i}' for i in '012']
    assert found.missing_keys == []
    before = alphas(algorithm_of(smooth_net()))
    algorithm = algorithm_of(smooth_net())
    set_alpha(algorithm.mutator, *before)
    other_shape = {**state, 'mutator.arch_params.1': torch.zeros(4)}
    with pytest.raises(CheckpointError, match='belongs to another model: .*arch_param'):
        load_weights(algorithm, dict(state_dict=other_shape), 'a.pth')
    assert alphas(algorithm) == before


@pytest.mark.parametrize('index', [3, -2])
def test_a_fixed_candidate_that_is_not_there(algorithm, saved, index):
    kept = {name: value.clone() for name, value in algorithm.state_dict().items()}
    state = {**saved, 'mutator._fixed': torch.tensor([-1, index, 0])}
    with pytest.raises(CheckpointError) as error:
        load_weights(algorithm, dict(state_dict=state), 'a.pth')
    assert str(error.value) == (
        'checkpoint a.pth: mutator._fixed must be -1 or the index of one of the 3 '
        f'candidates of module_1, but is {index}.'
    )
    for name, value in algorithm.state_dict().items():
        assert torch.equal(value, kept[name]), name
