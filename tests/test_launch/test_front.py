"""Children within several limits from one search."""

import itertools
import shutil
from contextlib import suppress

import pytest
import torch

from mmdsnas import PickedChild, load_child, pick, train
from mmdsnas.command_line import command
from mmdsnas.engine.hooks.stage import choose_child_hook
from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.launch import front, int8_accuracy, time_plan
from mmdsnas.launch.epochs import limit_name
from mmdsnas.launch.own_instances import own_instances
from mmdsnas.launch.picking import predicted_accuracy
from mmdsnas.launch.search_times import Times
from mmdsnas.subnets.checkpoint import CHILDREN, SUPERNET, load_checkpoint
from mmdsnas.visualization import read_run
from mmdsnas.visualization.csv_files import FRONT, read_front
from mmdsnas.visualization.predictions import FrontRow
from tests import small_choice, small_search
from tests.killing import Killed
from tests.pretrained import write_config, write_folder

LIMITS = ['35%', '100%', '60%']
ORDER = ['100%', '60%', '35%']


def run(work, options=(), config=None, **kwargs):
    config = config or small_choice.config_of(work)
    config.model.pop('distillation', None)
    config.model.cost = {}
    config.default_hooks.report = dict(type='ReportHook')
    config.visualizer = dict(
        type='mmcls.ClsVisualizer', vis_backends=[dict(type='LocalVisBackend')]
    )
    with own_instances():
        return train(config, work, options=dict(options), **kwargs)


def weights(file):
    return load_checkpoint(file)['state_dict']


def assert_same(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """The work directory of a search with three limits."""
    work = tmp_path_factory.mktemp('front') / 'run'
    run(work, {'model.cost.limits': LIMITS})
    return work


@pytest.mark.slow
def test_each_child_is_within_its_limit(searched):
    rows = read_front(searched)
    assert [row.limit for row in rows] == ORDER
    whole = rows[0].mflops
    parts = [row.mflops / whole for row in rows]
    assert parts[0] == 1 and 0.35 < parts[1] <= 0.6 and parts[2] <= 0.35
    for row in rows:
        meta = load_checkpoint(searched / row.file)['meta']
        assert meta['mflops'] == pytest.approx(row.mflops, rel=1e-6)
        assert meta['input_shape'][-1] == row.input_size
        assert [b['candidate'] for b in meta['blocks'].values()] == row.path.split()
        assert row.lower <= row.accuracy <= row.upper and row.images == 12
        assert row.data == 'test' and load_child(searched / row.file).training is False
    found = read_run(searched)
    assert found.front == rows and {n.network for n in found.measured} > {'probable'}
    page = (searched / 'report.html').read_text()
    assert 'Children within several limits' in page
    assert all(f'children/{name}/report.html' in page for name in ORDER[1:])
    assert (searched / 'report' / 'front.svg').is_file()


@pytest.mark.slow
@pytest.mark.parametrize('limit', ORDER)
def test_a_child_is_that_of_a_run_with_its_limit_alone(searched, tmp_path, limit):
    run(tmp_path / 'alone', {'model.cost.limit': limit})
    file = next(row.file for row in read_front(searched) if row.limit == limit)
    assert_same(searched / file, tmp_path / 'alone' / 'subnet.pth')


@pytest.mark.slow
def test_an_interrupted_one_ends_the_same(searched, tmp_path, monkeypatch):
    work, options = tmp_path / 'run', {'model.cost.limits': LIMITS}
    scored, begun = [], []
    of_candidates = choose_child_hook.OutputDistance.of_candidates
    of_child = front.child_search

    def score(distance, size):
        scored.append(size)
        return of_candidates(distance, size)

    def child_search(config, limit, epochs):
        begun.append(limit)
        if len(begun) == 2:
            raise Killed
        return of_child(config, limit, epochs)

    monkeypatch.setattr(choose_child_hook.OutputDistance, 'of_candidates', score)
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(front, 'child_search', child_search)
        run(work, options)
    assert begun == ['60%', '35%'] and not (work / FRONT).exists()
    run(work, options, resume=True)
    for row in read_front(searched):
        assert_same(searched / row.file, work / row.file)
    # Candidates are scored for the first child, and known for the second.
    assert scored == list(small_choice.SIZES)
    # What is done is left as it is, and a child that was killed goes on.
    child, last = (work / CHILDREN / name for name in ORDER[1:])
    times = {file: file.stat().st_mtime_ns for file in child.glob('*.pth')}
    (last / 'subnet.pth').unlink()
    run(work, options, resume=True)
    assert times == {file: file.stat().st_mtime_ns for file in child.glob('*.pth')}
    assert_same(searched / CHILDREN / ORDER[2] / 'subnet.pth', last / 'subnet.pth')
    # Children of an earlier search are none of one that begins anew.
    run(work, {'model.cost.limits': ['100%', '60%']})
    assert not last.exists() and len(read_front(work)) == 2


@pytest.mark.slow
def test_what_it_knows_of_another_limit(searched, tmp_path):
    work = tmp_path / 'run'
    shutil.copytree(searched, work)
    whole, half, least = read_front(work)
    found = pick(work, '45%')
    assert least.mflops < found.cost['flops'] <= 0.45 * whole.mflops
    assert found.between == ('35%', '60%') and found.distance > 0
    assert found.accuracy is not None
    assert 'predicted for 45%' in str(found) and 'accuracy, predicted' in str(found)
    assert pick(work, '60%') == half
    row = pick(work, '45%', train_it=True)
    assert row.limit == '45%' and row.mflops <= 0.45 * whole.mflops
    assert [r.limit for r in read_front(work)] == ['100%', '60%', '45%', '35%']
    assert load_child(work / row.file).training is False
    # It stays when the search is called once more.
    run(work, {'model.cost.limits': LIMITS}, resume=True)
    assert [r.limit for r in read_front(work)] == ['100%', '60%', '45%', '35%']
    with pytest.raises(ConfigError, match=r'no path of\s+this search space is within'):
        pick(work, '1%')
    (work / SUPERNET).unlink()
    with pytest.raises(CheckpointError, match='must be the work directory of a finish'):
        pick(work, '45%')


@pytest.mark.slow
def test_the_command(searched, monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr('sys.argv', ['mmdsnas', 'pick', str(searched), *words])
        command.main()
        return capsys.readouterr().out

    assert 'predicted for 45%' in call('--limit', '45%')
    assert 'children/60%/subnet.pth' in call('--limit', '60 %')
    assert 'predicted for flops-45%-params-1' in call(
        *('--limit', 'flops=45%', 'params=1')
    )
    for wrong in (['20', '30'], ['flops=1', 'flops=2'], ['flops=1', '2']):
        with pytest.raises(SystemExit):
            call('--limit', *wrong)
        assert '--limit must be one limit, or one for each' in capsys.readouterr().err


@pytest.mark.slow
def test_a_search_from_nothing_has_several_too(tmp_path):
    work = tmp_path / 'run'
    run(work, {'model.cost.limits': [1e-3, 1]}, small_search.config_of(work))
    loose, tight = read_front(work)
    assert (loose.limit, tight.limit) == ('1', '0.001')
    assert tight.mflops <= 1e-3 < loose.mflops
    # Both had the same search.
    first = weights(work / SUPERNET)['mutator._fixed']
    assert (first == -1).all()
    assert pick(work, 2e-3).distance is None


def test_accuracy_lies_on_a_line_over_the_logarithm_of_the_cost():
    def row(limit, mflops, accuracy):
        values = dict(limit=limit, costs=dict(mflops=mflops), accuracy=accuracy)
        return FrontRow(*(values.get(name) for name in FrontRow._fields))

    rows = [row('all', 16, 90.0), row('some', 4, 70.0), row('few', 1, None)]
    assert predicted_accuracy(8, rows) == (pytest.approx(80), ('some', 'all'))
    assert predicted_accuracy(4, rows) == (pytest.approx(70), ('some', 'all'))
    assert predicted_accuracy(2, rows) == predicted_accuracy(17, rows) == (None, ())
    unknown = PickedChild(3, 8, {'block': 'skip'}, {'flops': 2.0}, None, None, ())
    assert 'unknown, beyond the children' in str(unknown)


@pytest.mark.parametrize(
    'model, words',
    [
        (
            dict(pretrain_epochs=0, finetune_epochs=0),
            'finetune_epochs must be at least',
        ),
        (dict(finetune_epochs=3), 'finetune_epochs must be at least 1 and below'),
        (
            dict(mutator=dict(fix_threshold=0.3)),
            r'fix_threshold must be None for model.cost.limits, .*, but is 0\.3',
        ),
        (
            dict(pretrain_path='first'),
            'finetune_epochs must be model.pretrain_epochs, 1, for model.cost.limits',
        ),
    ],
)
def test_what_children_cannot_have_in_common(tmp_path, model, words):
    config = small_search.config_of(tmp_path / 'run')
    config.model.update(model)
    with pytest.raises(ConfigError, match=words):
        run(tmp_path / 'run', {'model.cost.limits': [1, 2]}, config)


def test_a_lost_supernet_is_told(tmp_path):
    work, config = tmp_path / 'run', small_search.config_of(tmp_path / 'run')
    run(work, config=config)
    with pytest.raises(CheckpointError, match='supernet.pth must be there'):
        run(work, {'model.cost.limits': [1, 2]}, resume=True, config=config)


@pytest.mark.slow
def test_what_a_run_began_with_stays(searched, tmp_path):
    work = tmp_path / 'run'
    shutil.copytree(searched, work)
    message = r'loosest of model\.cost\.limits must be .* MFLOPs, which the run began'
    with pytest.raises(ConfigError, match=message):
        run(work, {'model.cost.limits': ['60%', '35%']}, resume=True)
    # A tighter one is made from what is there.
    run(work, {'model.cost.limits': [*LIMITS, '50%']}, resume=True)
    assert [row.limit for row in read_front(work)] == ['100%', '60%', '50%', '35%']
    # With more epochs all go on.
    more = {'model.cost.limits': LIMITS, 'train_cfg.max_epochs': 4}
    run(work, more, resume=True)
    files = [work / row.file for row in read_front(work) if row.limit in LIMITS]
    assert [load_checkpoint(file)['meta']['epoch'] for file in files] == [4, 4, 4]
    # A search with one limit has no front of the one before it.
    run(work, {'model.cost.limit': '60%'})
    assert read_front(work) == [] and not (work / CHILDREN).exists()


@pytest.mark.slow
def test_planned_epochs_outlive_an_interruption(tmp_path, monkeypatch):
    """The children have epochs of their own, also when the run is resumed."""
    images = write_folder(tmp_path / 'own', train=4, val=2)
    times = Times(1.0, 0, 0, [1.0, 0.5], scored=0, trials=[0, 0])
    monkeypatch.setattr(time_plan, '_measure', lambda config, num_images: times)
    options = {
        'data_root': images,
        'own_images.minutes': 1,
        'model.cost.limits': ['100%', '50%'],
    }
    config, work = write_config(tmp_path), tmp_path / 'run'

    def stop(*args):
        raise Killed

    with monkeypatch.context() as patch, suppress(Killed), own_instances():
        patch.setattr(front, 'child_search', stop)
        train(config, work, options=options)
    with own_instances():
        train(config, work, options=options, resume=True)
    plans = [
        load_checkpoint(work / row.file)['meta']['plan'] for row in read_front(work)
    ]
    whole, half = (plan['max_epochs'] for plan in plans)
    assert plans[0]['children'] == [('100%', whole), ('50%', half)] and half > whole
    assert all(
        load_checkpoint(work / row.file)['meta']['epoch'] == epochs
        for row, epochs in zip(read_front(work), (whole, half))
    )
    # The learning rate falls until its own end, not until that of the search.
    rates = read_run(work / CHILDREN / '50%').train['architecture.lr'].values
    assert all(before > rate for before, rate in itertools.pairwise(rates))


@pytest.mark.parametrize(
    'limit, name',
    [
        (3, '3'),
        (2.5, '2.5'),
        ('12.5 %', '12.5%'),
        ({'latency': 3, 'flops': '50%'}, 'flops-50%-latency-3'),
        ({'flops': 20}, '20'),
        ({'params': 2.0}, 'params-2'),
    ],
)
def test_names_of_limits(limit, name):
    assert limit_name(limit) == name


@pytest.mark.slow
def test_the_accuracy_in_int8_is_measured_once(searched, tmp_path, monkeypatch):
    work, measured = tmp_path / 'run', []
    shutil.copytree(searched, work)
    rows = read_front(work)
    for row in rows:
        assert 0 <= row.int8_accuracy <= 100
        meta = load_checkpoint(work / row.file)['meta']
        assert meta['int8_accuracy'] == pytest.approx(row.int8_accuracy, rel=1e-6)
    percent = int8_accuracy._percent

    def measure(child, calibration, images):
        measured.append((len(calibration), len(images)))
        return percent(child, calibration, images)

    monkeypatch.setattr(int8_accuracy, '_percent', measure)
    run(work, {'model.cost.limits': LIMITS}, resume=True)
    assert not measured and read_front(work) == rows
    # Of a new child it is. There are 24 images to train on and 12 to test.
    run(work, {'model.cost.limits': [*LIMITS, '50%']}, resume=True)
    assert measured == [(24, 12)]
    assert all(row.int8_accuracy is not None for row in read_front(work))
    page = (work / 'report.html').read_text()
    assert 'in int8, %' in page and f'<td>{rows[1].int8_accuracy:.2f}</td>' in page


@pytest.mark.slow
def test_the_front_is_there_before_int8(searched, tmp_path, monkeypatch):
    """A machine that goes away meanwhile costs the table nothing."""
    work = tmp_path / 'run'
    shutil.copytree(searched, work)
    rows = read_front(work)
    (work / FRONT).unlink()

    def killed(*args):
        raise Killed

    monkeypatch.setattr(front, 'keep_int8_accuracy', killed)
    with suppress(Killed):
        run(work, {'model.cost.limits': LIMITS}, resume=True)
    assert read_front(work) == rows
