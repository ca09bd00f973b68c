"""The child of a search is the supernet's most probable path, bit for bit."""

import copy
from types import SimpleNamespace

import pytest
import torch
import yaml
from mmcls.structures import ClsDataSample
from mmrazor.engine.hooks import DumpSubnetHook
from mmrazor.registry import MODELS as MMRAZOR_MODELS
from mmrazor.structures import export_fix_subnet, load_fix_subnet

from mmdsnas.registry import MODELS
from mmdsnas.subnets import (
    child_checkpoint,
    child_state_dict,
    recorded_input_size,
    sub_model,
)
from tests.toy import small_mobilenet, small_shufflenet

STATES = ['unfixed', 'partly fixed', 'fixed']
CONFIGS = dict(shufflenet=small_shufflenet, mobilenet=small_mobilenet)


def trained(config, state):
    """A search with random alpha and statistics of BatchNorm of its own."""
    torch.manual_seed(0)
    algorithm = MODELS.build(
        dict(
            type='mmdsnas.DSNAS',
            architecture=config,
            mutator=dict(type='DifferentiableMutator', init_std=1.0),
            resource_estimator=dict(input_shape=(1, 3, 32, 32)),
        )
    )
    algorithm.begin(epoch=0)
    algorithm.train()
    samples = [ClsDataSample().set_gt_label(k % 5) for k in range(8)]
    with torch.no_grad():
        for iteration in range(12):
            algorithm.begin(iteration=iteration, seed=0)
            algorithm.loss(torch.randn(8, 3, 32, 32), samples)
    mutator = algorithm.mutator
    child = mutator.derive_child()
    if state == 'partly fixed':
        # Not to the argmax: what is fixed counts, not what alpha says later.
        name = list(child)[1]
        others = [c for c in mutator.choices(name) if c != child[name]]
        mutator.fix({name: others[0]})
    elif state == 'fixed':
        mutator.fix(child)
    return algorithm.eval()


def subnet_of(algorithm):
    """Candidate by the name of the block in the architecture."""
    child = algorithm.mutator.derive_child()
    names = {m: n for n, m in algorithm.architecture.named_modules()}
    return {
        names[op]: child[group]
        for group, blocks in algorithm.mutator.search_groups.items()
        for op in blocks
    }


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]()


@pytest.fixture(params=STATES)
def algorithm(request, config):
    return trained(config, request.param)


@pytest.fixture
def images():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_the_exported_weights_in_a_child_built_alone(algorithm, config, images):
    # Whatever was executed before.
    algorithm.mutator.set_choices(algorithm.mutator.draw_path(5, 5, 5))
    subnet = subnet_of(algorithm)
    state = child_state_dict(algorithm.architecture, subnet)
    child = sub_model(config, subnet)
    child.load_state_dict(state, strict=True)
    assert torch.equal(child.eval()(images), algorithm(images))
    # Other paths have other logits, so that equality means something.
    for blocks in algorithm.mutator.search_groups.values():
        block, choices = blocks[0], blocks[0].choices
        block.current_choice = choices[choices.index(block.current_choice) - 1]
        assert not torch.equal(algorithm.architecture(images), child(images))


@pytest.mark.parametrize('measured', [False, True])
def test_the_checkpoint_tells_a_latency_that_was_measured(measured):
    algorithm = trained(small_shufflenet(), 'fixed')
    table = algorithm.cost_table
    if measured:
        blocks = {n: dict.fromkeys(row, 0.25) for n, row in table.blocks.items()}
        algorithm.cost_table = table.measured('latency', blocks, 8.0)
    meta = child_checkpoint(algorithm)['meta']
    assert meta.get('latency_ms') == (9.0 if measured else None)
    found = {block.get('latency_ms') for block in meta['blocks'].values()}
    assert found == ({0.25} if measured else {None})


def test_mmrazors_export(algorithm, images):
    wanted = algorithm(images)
    copied = copy.deepcopy(algorithm.architecture)
    subnet, _ = export_fix_subnet(algorithm.architecture)
    assert {n: c.chosen for n, c in subnet.items()} == subnet_of(algorithm)
    load_fix_subnet(copied, subnet)
    assert torch.equal(copied(images), wanted)
    _, sliced = export_fix_subnet(algorithm.architecture, slice_weight=True)
    assert torch.equal(sliced(images), wanted)
    assert list(sliced.state_dict()) == list(copied.state_dict())


def dump(algorithm, folder):
    hook = DumpSubnetHook(interval=1, out_dir=str(folder))
    runner = SimpleNamespace(model=algorithm, distributed=False, epoch=0)
    hook._save_subnet(runner)
    return folder / 'subnet_epoch_1.yaml'


def test_mmrazors_hook_and_sub_model(algorithm, config, images, tmp_path):
    # The hook wants the child, not the path that was drawn last.
    algorithm.mutator.set_choices(algorithm.mutator.draw_path(5, 5, 5))
    drawn = algorithm.mutator.current_choices
    fixed, weights = algorithm.mutator.fixed, len(algorithm.state_dict())
    path = dump(algorithm, tmp_path)
    assert algorithm.mutator.current_choices == drawn
    assert algorithm.mutator.fixed == fixed
    assert len(algorithm.state_dict()) == weights  # the hook worked on a copy
    prefix = 'architecture.'
    wanted = {prefix + n: dict(chosen=c) for n, c in subnet_of(algorithm).items()}
    assert yaml.safe_load(path.read_text()) == wanted

    child = MMRAZOR_MODELS.build(
        dict(
            type='mmrazor.sub_model',
            cfg=config,
            fix_subnet=str(path),
            extra_prefix=prefix,
        )
    )
    state = child_state_dict(algorithm.architecture, subnet_of(algorithm))
    child.load_state_dict(state, strict=True)
    assert torch.equal(child.eval()(images), algorithm(images))
    # mmdsnas.sub_model takes MMRazor's file as it is.
    child = sub_model(config, path)
    child.load_state_dict(state, strict=True)
    assert torch.equal(child.eval()(images), algorithm(images))


def test_a_child_tells_the_size_of_its_images():
    meta = child_checkpoint(trained(small_shufflenet(), 'unfixed'))['meta']
    assert meta['input_shape'] == (1, 3, 32, 32)
    assert recorded_input_size(dict(meta=meta)) == 32


@pytest.mark.parametrize(
    'meta',
    [
        {},
        dict(input_shape=[1, 3, 32]),
        dict(input_shape=[1, 3, 32, 48]),
        dict(input_shape=[1, 3, '32', '32']),
        dict(input_shape=[1, 3, -32, -32]),
        dict(input_shape=5),
    ],
)
def test_no_size_in_a_checkpoint(meta):
    assert recorded_input_size(dict(meta=meta)) is None
