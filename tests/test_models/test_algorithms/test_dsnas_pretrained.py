"""A pretrained network: its first path alone, then a child for images of a size."""

import re

import pytest
import torch
from mmcls.structures import ClsDataSample
from mmengine.optim import OptimWrapper

from mmdsnas.errors import ConfigError
from mmdsnas.models import Stage
from mmdsnas.models.cost import CostTerm, ResourceEstimator
from tests.small_choice import SIZE, SIZES, algorithm_of
from tests.toy import all_paths, set_alpha
from tests.toy_run import same


def batch(size=SIZE, width=None, images=4):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(images, 3, size, width or size, generator=generator)
    samples = [ClsDataSample().set_gt_label(i % 3) for i in range(images)]
    return inputs, samples


def search(**options):
    torch.manual_seed(0)
    options = dict(input_sizes=SIZES, cost=dict(limit='60%'), **options)
    return algorithm_of(**options).train()


def trained(algorithm, **epoch):
    """Names of the weights that a step moves, and the choices that it executes."""
    before = {k: v.clone() for k, v in algorithm.named_parameters()}
    algorithm.begin(**epoch)
    optimizer = torch.optim.SGD(algorithm.parameters(), 0.1)
    with algorithm.constrained_step():
        losses = algorithm.loss(*batch())
    sum(v for k, v in losses.items() if k != 'cost.loss').backward()
    optimizer.step()
    moved = {k for k, v in algorithm.named_parameters() if not same(v, before[k])}
    return moved, executed(algorithm)


def executed(algorithm):
    return ' '.join(b.current_choice for b in algorithm.architecture.backbone.blocks)


def test_the_first_path_alone_is_pretrained():
    algorithm = search()
    # The limit allows no path at the full size that has both of the first ones.
    assert not algorithm.cost_term.allows(algorithm.first_path())
    set_alpha(algorithm.mutator, [0, 9, 0], [0, 0, 9])
    for iteration in range(3):
        moved, path = trained(algorithm, epoch=0, iteration=iteration)
        assert path == 'full full' and not any('mutator' in name for name in moved)
        assert not any('small' in name for name in moved) and len(moved) > 15
    with torch.no_grad():
        logits = algorithm.eval()(batch()[0], mode='tensor')
        algorithm.mutator.set_choices(algorithm.first_path())
        wanted = algorithm.architecture(batch()[0], mode='tensor')
    assert same(logits, wanted)
    algorithm.begin(epoch=1)
    algorithm(batch()[0], mode='tensor')
    assert executed(algorithm) == 'small skip'


def test_a_group_that_is_fixed_is_not_the_first():
    algorithm = search()
    algorithm.mutator.fix(dict(module_1='small'))
    assert trained(algorithm, epoch=0)[1] == 'full small'


@pytest.mark.parametrize('epoch', [None, 0, 1, 2])
def test_a_path_that_is_given_is_trained_alone(epoch):
    """Whatever the stage, also where none was entered; and no iteration is counted."""
    algorithm = search()
    algorithm.finetune_epochs = 2
    path = dict(module_0='small', module_1='small')
    if epoch == 2:
        # What is fixed stays.
        set_alpha(algorithm.mutator, [0, 9, 0], [0, 9, 0])
    if epoch is not None:
        algorithm.begin(epoch=epoch)
    stage = algorithm.stage
    with algorithm.executing(path, 8):
        moved, choices = trained(algorithm)
    assert choices == 'small small' and algorithm.stage is stage
    assert not any('mutator' in name for name in moved)
    assert algorithm.iteration == 0 and algorithm.architecture.backbone.edges == [8]
    assert not algorithm.cost_losses(path, False)['cost.loss'].requires_grad


def test_without_an_epoch_no_path_is_drawn_in_between():
    algorithm = search()
    drawn = []
    algorithm.mutator.draw_path = lambda *key: drawn.append(key)
    with algorithm.executing(algorithm.first_path()):
        algorithm.loss(*batch())
    assert not drawn and algorithm.stage is None


def test_the_child_gets_images_of_its_size():
    algorithm = search()
    algorithm.finetune_epochs = 2
    edges = algorithm.architecture.backbone.edges
    for epoch, size in enumerate([SIZE, 12, 8]):
        algorithm.set_input_size(size)
        trained(algorithm, epoch=epoch)
    # The pretrain stage has them as they come.
    assert edges == [SIZE, 12, 8]
    algorithm.set_input_size(8)
    algorithm.begin(epoch=0)
    algorithm.loss(*batch())
    assert edges[3:] == [SIZE]
    with algorithm.executing(algorithm.first_path()):
        algorithm.loss(*batch())
    with algorithm.executing(algorithm.first_path(), 12):
        algorithm.loss(*batch())
    assert edges[4:] == [8, 12]


def test_without_sizes_images_stay_as_they_are():
    algorithm = algorithm_of()
    assert algorithm.input_sizes == [] and 'input_size' not in algorithm.state_dict()
    algorithm.begin(epoch=1)
    inputs = batch(10, 14)[0]
    assert algorithm.resized(inputs) is inputs


def test_costs_follow_the_size():
    """And limits do not: a part is one of the costs of the largest images."""
    algorithm = search()
    whole = algorithm.cost_table.cost(algorithm.first_path())['flops']
    for size in SIZES:
        algorithm.set_input_size(size)
        shape = (1, 3, size, size)
        table = ResourceEstimator(shape).cost_table(
            algorithm.architecture, algorithm.mutator.search_groups
        )
        assert algorithm.cost_table == table
        assert algorithm.resource_estimator.input_shape == shape
        assert algorithm.child_edge == size
        assert algorithm.cost_term.limits == dict(flops=pytest.approx(0.6 * whole))
        within = [
            path
            for path in all_paths(algorithm.mutator)
            if table.cost(path)['flops'] <= 0.6 * whole
        ]
        assert algorithm.mutator.most_probable(99) and len(within) == len(
            algorithm.mutator.most_probable(99)
        )


def test_a_limit_that_the_largest_size_cannot_meet():
    """Those that can are the sizes that there are."""
    stem = search().cost_table.fixed_part['flops']
    algorithm = search_of_limit(0.9 * stem)
    assert algorithm.input_sizes == [12, 8] and algorithm.child_edge == 12
    whole = search().cost_table.cost_range()[1]
    algorithm.set_input_size(8)
    assert algorithm.cost_range == (algorithm.cost_table.cost_range()[0], whole)
    with pytest.raises(ConfigError, match='no path .* is within'):
        search_of_limit(0.01 * stem)


def search_of_limit(limit):
    return algorithm_of(input_sizes=SIZES, cost=dict(limit=limit))


def test_a_state_has_its_size():
    algorithm, other = search(), search()
    algorithm.set_input_size(8)
    algorithm.cost_term.multipliers.flops.fill_(0.25)
    state = {k: v.clone() for k, v in algorithm.state_dict().items()}
    other.load_state_dict(state)
    assert other.child_edge == 8 and same(dict(other.state_dict()), state)
    assert other.cost_table == algorithm.cost_table
    assert other.mutator.most_probable(99) == algorithm.mutator.most_probable(99)
    # Of a search that has one size, which is that.
    estimator = dict(input_shape=(1, 3, 8, 8))
    one = algorithm_of(resource_estimator=estimator, cost=dict(limit=0.005))
    one.load_state_dict(dict(state))
    assert one.child_edge == 8 and one.cost_term.multipliers.flops == 0.25
    # One from before the choice leaves the size.
    del state['input_size']
    other.load_state_dict(state, strict=False)
    assert other.child_edge == 8


def test_before_a_choice_a_size_beyond_the_limit_is_none():
    state = search().state_dict()
    assert state['input_size'] == 16
    tight = search_of_limit('10%')
    assert tight.child_edge < 16
    tight.load_state_dict(state, strict=False)
    assert tight.child_edge == tight.input_size == tight.input_sizes[0]
    # Of a child it is its own.
    state['mutator._fixed'] = torch.zeros_like(state['mutator._fixed'])
    with pytest.raises(ConfigError, match=r'must be one of .*, but is 16\.$'):
        tight.load_state_dict(state, strict=False)


def test_sizes_that_cannot_be():
    algorithm, state = search(), search().state_dict()
    message = r"^the size of the child's images must be one of \[16, .*, but is 9\.$"
    with pytest.raises(ConfigError, match=message):
        algorithm.set_input_size(9)
    with pytest.raises(ConfigError, match=message):
        algorithm.load_state_dict({**state, 'input_size': torch.tensor(9)})
    with pytest.raises(ConfigError, match=r'^the size .* must be 16, .*, but is 9\.$'):
        algorithm_of().set_input_size(9)
    message = r'^the largest of model\.input_sizes .*, but they are \[12, 8\]\.$'
    with pytest.raises(ConfigError, match=message):
        algorithm_of(input_sizes=(12, 8))
    wide = dict(input_shape=(1, 3, 12, SIZE))
    with pytest.raises(ConfigError, match=f'which are 12 and {SIZE}, but they'):
        algorithm_of(input_sizes=SIZES, resource_estimator=wide)


def test_an_effect_is_missed_at_the_largest_size_alone(monkeypatch):
    """A limit that smaller images keep anyway is one for the larger ones."""
    told = []
    monkeypatch.setattr(
        'mmdsnas.models.cost.cost_term.print_log', lambda text, *_: told.append(text)
    )
    search()
    assert not told
    search_of_limit(9)
    assert len(told) == 1 and re.search('has no effect', told[0])


def test_each_size_has_a_file_of_latencies(tmp_path):
    latency = dict(file=str(tmp_path / 'times.json'), repeats=1)
    estimator = dict(input_shape=(1, 3, SIZE, SIZE), latency=latency)
    # Above whatever a busy machine takes for small images.
    cost = dict(limit=dict(latency='9999%', flops='60%'))
    tables = []
    for _ in range(2):
        algorithm = algorithm_of(
            input_sizes=SIZES, resource_estimator=estimator, cost=cost
        )
        for size in SIZES:
            algorithm.set_input_size(size)
            tables.append(algorithm.cost_table)
    assert tables[:3] == tables[3:]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'times.json', 'times_12.json', 'times_8.json'}
    most = tables[0].cost_range('latency')[1]
    assert algorithm.cost_term.limits['latency'] == pytest.approx(99.99 * most)


def test_a_step_by_an_optimizer_of_its_own():
    """As a distributed wrapper makes it, with the images of a data loader."""
    algorithm = search(distillation=dict(tau=2.0))
    algorithm.soft_labels.set(torch.eye(3)[[0, 1, 2, 0]], torch.zeros(32))
    inputs, samples = batch()
    for k, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_idx=k))
    data = dict(inputs=list(inputs), data_samples=samples)
    optimizer = OptimWrapper(torch.optim.SGD(algorithm.parameters(), 0.1))
    seen = {}
    for name, epoch in dict(pretrain=0, finetune=1).items():
        algorithm.begin(epoch=epoch)
        seen[name] = set(algorithm.train_step(dict(data), optimizer))
    assert seen['finetune'] - seen['pretrain'] == {'distillation.loss'}
    assert algorithm.stage is Stage.FINETUNE
    assert isinstance(algorithm.cost_term, CostTerm)
    algorithm.eval()
    assert 'distillation.loss' not in algorithm.loss(*batch())
