"""The child among networks that were trained for the same time, of files by hand."""

import shutil

import pytest
import torch

from mmdsnas.launch import judging
from mmdsnas.launch.installing import put_back
from mmdsnas.launch.judging import Judged, child_of, conclude, difference, right_images
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.subnets.child import save_child
from mmdsnas.utils import files
from mmdsnas.visualization import read_run, report
from mmdsnas.visualization.csv_files import (
    VALIDATION,
    read_compared,
    read_predictions,
    write_compared,
    write_predictions,
)
from mmdsnas.visualization.predictions import ComparedNetwork
from mmdsnas.visualization.summary import key_figures
from tests.killing import killed_at
from tests.test_visualization.files import page_of, prediction, train, write_session

CLASSES = ['a', 'b']
PLAN = dict(max_epochs=3, pretrain_epochs=1, finetune_epochs=1, selects=True)
ALONE = dict(max_epochs=31, pretrain_epochs=0, finetune_epochs=0)
WHOLE = ComparedNetwork('the whole network', 96, 9.0, 0.09, 90.0, 4)


def rows_of(right):
    return [prediction(f'{k}', 'a', 'ba'[r], 0.9, 0.5, 'a', 0.1) for k, r in right]


def of_images(right):
    """Whether it is right for each image, as ones and zeros."""
    return {f'{k}': bool(int(r)) for k, r in enumerate(right)}


def write_run(folder, candidate, right, mflops, tested=None, plan=PLAN):
    """What a training leaves of its child; ``right`` is of the validation."""
    right = list(enumerate(map(int, right)))
    costs = dict(mflops=mflops, mparams=0.01)
    meta = dict(
        subnet=dict(block=candidate),
        blocks=dict(block=dict(candidate=candidate, probability=1.0, **costs)),
        input_shape=(1, 3, 32, 32),
        **costs,
        epoch=plan['max_epochs'],
        plan=plan,
        metrics={'accuracy/top1': 100 * sum(r for _, r in right) / len(right)},
        predicted_on='val',
        dataset_meta=dict(classes=CLASSES),
    )
    place = folder
    if tested is not None:
        place = folder / VALIDATION
        meta |= dict(predicted_on='test', test_metrics={'accuracy/top1': tested})
        write_predictions(folder, rows_of([(0, tested == 100)]), CLASSES)
    write_predictions(place, rows_of(right), CLASSES)
    weights = dict(weight=torch.full((2,), mflops))
    child = dict(meta=meta, state_dict=weights)
    save_child(child, folder / 'subnet.pth', folder / 'subnet.yaml')


@pytest.fixture
def messages(monkeypatch):
    found = []
    monkeypatch.setattr(judging, 'print_log', lambda text, *args: found.append(text))
    return found


@pytest.fixture
def write(tmp_path):
    """Writes a search and networks made by hand; returns what is concluded of them."""
    work = tmp_path / 'work'

    def written(searched, own=None, **others):
        validated = [dict(step=k, **{'accuracy/top1': 50.0}) for k in (1, 2, 3)]
        lines = [train(k, 1, loss=1.0 / k) for k in (1, 2, 3)] + validated
        write_session(work, '20260101_000000', lines, plan=PLAN, length=3, done=3)
        write_run(work, 'e3', *searched)
        write_compared(work, [WHOLE])
        for name, of in others.items():
            write_run(work / 'compared' / name, name, *of, plan=ALONE)
        places = {name: work / 'compared' / name for name in others}
        return lambda at=work: conclude(
            at,
            at / 'compared' / 'search',
            {name: at / place.relative_to(work) for name, place in places.items()},
            own,
        )

    written.work = work
    return written


def content(folder):
    paths = (path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_difference_is_a_paired_one():
    one, other = (Judged(1, of_images(right)) for right in ('11100', '10100'))
    # 100 of one image, 0 of four: a mean of 20 with a deviation of 44.7.
    assert difference(one, other) == pytest.approx((20, 20))
    assert difference(other, one) == pytest.approx((-20, 20))
    assert difference(one, one) == (0, 0)
    assert difference(*(Judged(1, of_images(right)) for right in '10')) == (100, 0)


@pytest.mark.parametrize(
    'searched, full, child',
    [
        # Told apart: three of eight images.
        ((1, '11000000'), (2, '11111000'), 'full'),
        ((2, '11111000'), (1, '11000000'), 'search'),
        # One image is one standard error: the cheaper one.
        ((1, '11000000'), (2, '11100000'), 'search'),
        ((2, '11000000'), (1, '11100000'), 'full'),
        ((2, '11100000'), (1, '11000000'), 'full'),
        # As many others: what matters is how the images differ.
        ((2, '11110000'), (1, '00001111'), 'full'),
        # Of equal costs the better one; of equal ones the search's.
        ((1, '11000000'), (1, '11100000'), 'full'),
        ((1, '11000000'), (1, '00110000'), 'search'),
    ],
)
def test_best_one_or_a_cheaper_one(searched, full, child):
    networks = dict(search=searched, full=full)
    judged = {n: Judged(cost, of_images(r)) for n, (cost, r) in networks.items()}
    assert child_of(judged) == child


def test_of_those_near_the_best_the_cheapest():
    """Not of those that are near each other."""
    found = dict(best=(3, '1111111100'), near=(2, '1111111000'), far=(1, '1110000000'))
    judged = {n: Judged(cost, of_images(r)) for n, (cost, r) in found.items()}
    assert child_of(judged) == 'near'


def test_winner_is_the_child(write, messages):
    work = write.work
    concluded = write(('11000000', 3.0), full=('11111000', 2.0), e4=('11100000', 2.5))
    before = content(work)
    rows = concluded()
    read = read_compared(work)
    assert [row[:-1] for row in rows] == [row[:-1] for row in read]
    assert read[2].standard_error == pytest.approx(rows[2].standard_error, rel=1e-6)
    names = ['the child (full)', 'the whole network', "the search's choice", 'e4']
    assert [row.network for row in rows] == names
    child, whole, searched, other = rows
    assert (child.validation, child.difference) == (62.5, None) and whole == WHOLE
    assert (searched.validation, searched.difference) == (25, -37.5)
    assert searched.standard_error == pytest.approx(18.298, abs=1e-3)
    assert other.difference == -25
    # Its files, and what they say of the run that they are in now.
    full, found = (load_checkpoint(f / 'subnet.pth') for f in (work / FULL, work))
    assert found['state_dict']['weight'].equal(full['state_dict']['weight'])
    changed = dict(epoch=3, plan=PLAN, network='full')
    assert found['meta'] == {**full['meta'], **changed}
    for name in ('subnet.yaml', 'predictions.csv', 'classes.csv', 'confusion.csv'):
        assert (work / name).read_bytes() == before[f'{FULL}/{name}']
        assert (work / 'compared/search' / name).read_bytes() == before[name]
    kept = work / 'compared/search/subnet.pth'
    assert kept.read_bytes() == before['subnet.pth']
    # The log and the page say so; curves stay those of the search.
    words = 'The child is full, a network made by hand'
    difference = "the search's choice differs from it by -37.5 points"
    told = ' '.join(messages)
    assert words in told and difference in told and 'The search is done.' in told
    run, page = read_run(work), page_of(work / 'report.html')
    assert run.left_out == [] and run.child.network == 'full'
    assert key_figures(run)['accuracy/top1'] == '62.50'
    text = ' '.join(page.text.split())
    assert words in text and difference in text and 'take it' not in text
    assert 'they are those of the search, which chose another one' in text
    assert [row[0] for row in page.tables['beside'][1:]] == names
    assert page.tables['beside'][3][-2:] == ['25.0', '-37.5 ± 18.3']
    # Done again it is the same, and the search finds its own.
    before_again = content(work)
    assert concluded() == rows and content(work) == before_again
    put_back(work, work / 'compared/search')
    found = content(work)
    assert all(found[name] == text for name, text in before.items())


FULL = 'compared/full'


def test_searched_one_stays(write, messages):
    concluded = write(('11111000', 2.0), 'e3', full=('11000000', 3.0))
    before = content(write.work)
    child, _, other = concluded()
    assert child.network == 'the child (e3)' and other.network == 'full'
    assert other.difference == -37.5
    found = content(write.work)
    changed = {name for name in before if found[name] != before[name]}
    assert changed == {'compared.csv'}
    told = ' '.join(messages)
    assert "The child is the search's choice" in told
    assert 'There full differs from it by -37.5 points' in told


def test_tests_do_not_decide(write):
    """One that is better there is not to be taken, either."""
    concluded = write(('11111000', 2.0, 0), full=('11000000', 1.0, 100))
    rows = concluded()
    assert [row.accuracy for row in rows] == [0, 90, 100]
    assert rows[0].network == 'the child' and rows[0].validation == 62.5
    page = page_of(report(write.work))
    assert 'take it' not in page.text


def test_predictions_of_the_winner_are_of_its_test(write):
    concluded = write(('11000000', 2.0, 100), full=('11111000', 1.0, 0))
    rows = concluded()
    assert [row.accuracy for row in rows] == [0, 90, 100]
    assert [row.network for row in rows][0] == 'the child (full)'
    (row,) = read_predictions(write.work)
    assert row.predicted == 'b' and len(read_predictions(write.work / VALIDATION)) == 8
    meta = load_checkpoint(write.work / 'subnet.pth')['meta']
    assert meta['test_metrics'] == {'accuracy/top1': 0}


@pytest.mark.parametrize('searched', [True, False])
def test_what_cannot_be_judged(write, messages, searched):
    """Predictions of an earlier validation, say."""
    concluded = write(('11000000', 3.0), full=('11111000', 2.0), e4=('1110', 2.0))
    write_predictions(
        write.work if searched else write.work / FULL, rows_of([(0, 1)]), CLASSES
    )
    assert right_images(write.work if searched else write.work / FULL) == {}
    rows = concluded()
    assert [row.network for row in rows][::2] == ['the child', 'full']
    assert [row.validation for row in rows] == [None if searched else 25, *[None] * 3]
    told = ' '.join(messages)
    for name in ('full', 'e4'):
        lacking = write.work / 'compared' / ('search' if searched else name)
        words = (
            f"{name} cannot take the place of the search's choice, because {lacking}"
        )
        assert words in told


@pytest.mark.slow
def test_killed_at_any_moment(write, tmp_path, monkeypatch):
    """And concluded again, it ends the same."""
    monkeypatch.setattr(judging, 'report', lambda folder: None)
    monkeypatch.setattr(files, '_sync', lambda path: None)
    concluded = write(('11000000', 3.0, 100), full=('11111000', 2.0, 0))
    begun = tmp_path / 'begun'
    shutil.copytree(write.work, begun)
    concluded()
    wanted, moment = content(write.work), 0
    killed = [True]
    while killed:
        moment += 1
        folder = tmp_path / str(moment)
        shutil.copytree(begun, folder)
        with killed_at(moment) as killed:
            concluded(folder)
        # The child is one of the two.
        child = load_checkpoint(folder / 'subnet.pth')['meta']
        assert child.get('network') in (None, 'full')
        concluded(folder)
        for place in [folder, *(p for p in folder.rglob('*') if p.is_dir())]:
            files.remove_leftovers(place)
        assert content(folder) == wanted
        shutil.rmtree(folder)
    assert moment > 20
