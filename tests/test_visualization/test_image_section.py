"""The images on the page of a report, from hand-written files of a run."""

import base64
import re

import pytest
from PIL import Image

from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.visualization import read_run, report
from mmdsnas.visualization.csv_files import (
    read_choice,
    write_choice,
    write_predictions,
)
from mmdsnas.visualization.image_section import better_networks, image_section
from mmdsnas.visualization.predictions import ComparedNetwork, Competitor
from tests.test_visualization.files import page_of, prediction, train, write_session

HEAD = 'network,input_size,mflops,mparams,accuracy,images\n'
EVIL = '<script>alert(1)</script>"\'&'
CHILD = ComparedNetwork('the child', 32, 3.0, 0.05, 70.0, 10)


def rows_of(classes, image='{}.png'):
    """Ten images of the first class, of which three are taken for the second one."""
    a, b = classes[:2]
    return [
        prediction(image.format(k), a, b, 0.9 - k / 100, 0.1, a, 0.1)
        if k < 3
        else prediction(image.format(k), a, a, 0.6 + k / 100, 0.6 + k / 100, b, 0.3)
        for k in range(10)
    ]


def run_of(folder, classes, data='test', rows=None, options=None, **meta):
    """A run with a child, and images of which the last one is not there."""
    lines = [train(k, 2, loss=1.0 / k) for k in (1, 2)]
    root = folder / 'images'
    options = options or {f'{data}_dataloader': dict(dataset=dict(data_root=str(root)))}
    write_session(folder / 'work', '20260101_0', lines, 2, options=options)
    root.mkdir()
    for k in range(9):
        Image.new('RGB', (200, 100), 'red').save(root / f'{k}.png')
    meta = dict(mflops=3.0, mparams=0.05, predicted_on=data, **meta)
    meta.update(input_shape=(1, 3, 32, 32), dataset_meta=dict(classes=classes))
    save_checkpoint(dict(meta=meta, state_dict={}), folder / 'work' / 'subnet.pth')
    write_predictions(folder / 'work', rows or rows_of(classes), classes)
    return folder / 'work'


def test_tables_are_those_of_the_files(tmp_path):
    work = run_of(tmp_path, ['a', 'b', 'c'])
    page = page_of(report(work))
    assert page.tables['class-accuracy'] == [
        ['class', 'images', 'accuracy, %', '95 % interval'],
        ['a', '10', '70.0', '39.7–89.2'],
        ['b', '0', '', ''],
        ['c', '0', '', ''],
    ]
    assert page.tables['confusion'] == [
        ['', 'a', 'b', 'c'],
        ['a', '7', '3', ''],
        ['b', '', '', ''],
        ['c', '', '', ''],
    ]
    (share, *_) = [a['style'] for _, a in page.tags if a.get('class') == 'wrong']
    assert share == '--share:18.0%'
    assert 'for 70.0 % of 10 images; with so many' in ' '.join(page.text.split())
    assert 'evaluated once, at the end' in page.text
    assert 'Beside the child' not in page.text and 'confused' not in page.tables
    assert ('a', dict(href='#images')) in page.tags


def test_images_and_those_that_are_gone(tmp_path):
    """Three of them are wrong, and the most unsure ones among the others."""
    work = run_of(tmp_path, ['a', 'b'])
    section = image_section(read_run(work))
    assert [shown.row.image for shown in section.wrong] == ['0.png', '1.png', '2.png']
    images = [shown.row.image for shown in section.unsure]
    assert images == [f'{k}.png' for k in (3, 4, 5, 6, 7, 8, 9, 2)]
    assert [n for n, s in zip(images, section.unsure) if s.picture is None] == ['9.png']
    page = page_of(report(work))
    pictures = [a['src'] for tag, a in page.tags if tag == 'img']
    assert len(pictures) == 10 and page.text.count('no picture') == 1
    head = 'data:image/jpeg;base64,'
    assert all(picture.startswith(head) for picture in pictures)
    content = base64.b64decode(pictures[0].removeprefix(head))
    assert content.startswith(b'\xff\xd8')
    (policy,) = [a['content'] for tag, a in page.tags if 'http-equiv' in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert (work / 'report.html').stat().st_size < 60_000


def test_report_is_made_again_without_the_images(tmp_path):
    work = run_of(tmp_path, ['a', 'b'])
    (tmp_path / 'images').rename(tmp_path / 'elsewhere')
    page = page_of(report(work))
    assert page.text.count('no picture') == 11 and '3.png' in page.text
    assert 'img' not in {tag for tag, _ in page.tags}


@pytest.mark.parametrize('found', [None, 7, 'images'])
def test_folder_that_was_found(tmp_path, monkeypatch, found):
    """It has the whole path where that of the config is a relative one."""
    options = dict(
        test_dataloader=dict(dataset=dict(datasets=[dict(data_root='data/images')])),
        own_images=dict(found=dict(folder=found and str(tmp_path / str(found)))),
    )
    work = run_of(tmp_path, ['a', 'b'], options=options)
    section = image_section(read_run(work))
    assert (section.wrong[0].picture is not None) == (found == 'images')


def test_images_of_the_validation(tmp_path):
    text = page_of(report(run_of(tmp_path, ['a', 'b'], 'val'))).text
    assert 'no data to test on' in text and 'last validation' in text
    assert 'evaluated once' not in text


def test_many_classes_have_a_table_of_pairs(tmp_path):
    classes = [f'class {k}' for k in range(21)]
    page = page_of(report(run_of(tmp_path, classes)))
    assert 'confusion' not in page.tables
    assert page.tables['confused'] == [
        ['true', 'predicted', 'images', 'of the class, %'],
        ['class 0', 'class 1', '3', '30.0'],
    ]
    assert len(page.tables['class-accuracy']) == 22


def test_networks_beside_the_child(tmp_path):
    work = run_of(tmp_path, ['a', 'b'])
    (work / 'compared.csv').write_text(
        # The child's own row is not shown twice.
        f'{HEAD}the child,32,3,0.05,70,10\nteacher,224,4089,25.6,90,10\n'
        'MobileNetV2,32,2,0.04,80,10\nold,,,,99.5,200\n'
    )
    page = page_of(report(work))
    head, *rows = page.tables['beside']
    assert head[1:4] == ['accuracy, %', '95 % interval', 'MFLOPs']
    assert head[4:] == ['million parameters', 'input size', 'images']
    assert rows == [
        ['the child', '70.0', '39.7–89.2', '3.000', '0.050', '32', '10'],
        ['teacher', '90.0', '59.6–98.2', '4089.000', '25.600', '224', '10'],
        ['MobileNetV2', '80.0', '49.0–94.3', '2.000', '0.040', '32', '10'],
        ['old', '99.5', '97.2–99.9', '', '', '', '200'],
    ]
    (own,) = [a for tag, a in page.tags if tag == 'tr' and a.get('class') == 'own']
    assert page.text.count('take it') == 1
    assert 'MobileNetV2 was better (80.0 against 70.0 %) and cheaper' in page.text
    assert 'pretrain stage alone' not in page.text


def test_the_whole_network_had_fewer_epochs(tmp_path):
    work = run_of(tmp_path, ['a', 'b'])
    (work / 'compared.csv').write_text(f'{HEAD}the whole network,32,9,1,50,10\n')
    assert 'whole network had the pretrain stage alone' in page_of(report(work)).text


@pytest.mark.parametrize(
    'mflops, accuracy, images, words',
    [
        (2.0, 80, 10, 'and cheaper .*: take it. The intervals overlap'),
        (3.0, 80, 10, 'and no more expensive .*: take it'),
        (3.0, 99, 1000, 'take it.$'),
        (3.1, 99, 1000, None),
        (None, 99, 1000, None),
        # As good, as 7 of 10 images are 70 %; and the same in a rounded number.
        (2.0, 70, 10, None),
        (2.0, 70.04, 10, None),
        (2.0, 60, 10, None),
    ],
)
def test_a_network_to_be_taken_instead(mflops, accuracy, images, words):
    network = ComparedNetwork('other', 32, mflops, None, accuracy, images)
    told = better_networks(CHILD, [network])
    assert bool(told) == (words is not None)
    if words:
        assert re.search(f'^other was better .*{words}', told[0])
    assert better_networks(CHILD._replace(mflops=None), [network]) == []
    # It is no longer there.
    assert better_networks(CHILD, [network._replace(network='the whole network')]) == []


def test_names_are_text(tmp_path):
    classes = [EVIL, 'b']
    rows = rows_of(classes, EVIL + '{}.png')
    work = run_of(tmp_path, classes, rows=rows)
    (work / 'compared.csv').write_text(f'{HEAD}<b>x</b>,32,1,1,80,10\n')
    page = page_of(report(work))
    tags = {tag for tag, _ in page.tags}
    assert (
        not tags & {'script', 'img'} and EVIL in page.text and '<b>x</b>' in page.text
    )
    assert not {n for _, a in page.tags for n in a if n.startswith('on')}


def test_files_of_another_child_are_not_shown(tmp_path):
    """Those that an earlier run left: the child's file would name them."""
    work = run_of(tmp_path, ['a', 'b'])
    meta = dict(dataset_meta=dict(classes=['a', 'b']))
    save_checkpoint(dict(meta=meta, state_dict={}), work / 'subnet.pth')
    page = page_of(report(work))
    assert 'Your images' not in page.text and 'images' not in page.tables
    (policy,) = [a['content'] for tag, a in page.tags if 'http-equiv' in a]
    assert 'img-src' not in policy


def test_what_is_damaged_is_left_out(tmp_path):
    work = run_of(tmp_path, ['a', 'b'])
    (work / 'compared.csv').write_text(f'{HEAD}x,32,1,1,800,10\n')
    page = page_of(report(work))
    told = dict(row for row in page.tables['summary'])['left out']
    assert 'compared.csv is damaged: line 2 has no sound accuracy' in told
    assert 'class-accuracy' in page.tables and 'beside' not in page.tables
    (work / 'predictions.csv').write_text('image\n1.png\n')
    page = page_of(report(work))
    assert 'line 2 has no sound true' in page.text and 'Your images' not in page.text


def test_classes_that_the_child_does_not_name(tmp_path):
    """As those of a file that somebody changed."""
    work = run_of(tmp_path, ['a', 'b'])
    write_predictions(work, rows_of(['a', 'x']), ['a', 'x'])
    assert image_section(read_run(work)).names == ['a', 'b', 'x']


def test_several_runs_have_no_images(tmp_path):
    (tmp_path / 'other').mkdir()
    works = [run_of(folder, ['a', 'b']) for folder in (tmp_path, tmp_path / 'other')]
    page = page_of(report(works, tmp_path / 'both.html'))
    assert 'Your images' not in page.text


@pytest.mark.parametrize(
    'first, words',
    [
        ('probable', 'found by the scores of its candidates'),
        ('skip+e4', 'that one would make by hand, skip[+]e4'),
    ],
)
def test_who_competed(tmp_path, first, words):
    """The winner is the first row; a page has room for some of many networks."""
    work = run_of(tmp_path, ['a', 'b'])
    rows = [Competitor(first, 48, 7.5, 0.5, '0.7 0.4', 'e4 skip')]
    rows += [Competitor(f'e{k}', 32, None, 0.9, '', EVIL) for k in range(20)]
    write_choice(work, rows)
    assert read_choice(work)[1:] == [row._replace(losses=None) for row in rows[1:]]
    page = page_of(report(work))
    head, *found = page.tables['choice']
    assert head == ['network', 'input size', 'MFLOPs', 'distance', 'loss by round']
    assert found[0] == [first, '48', '7.500', '0.500', '0.7 0.4']
    assert found[1] == ['e0', '32', '', '0.900', ''] and len(found) == 15
    assert re.search(words, ' '.join(page.text.split()))
    (work / 'choice.csv').write_text('network,input_size\nx,0\n')
    page = page_of(report(work))
    assert 'choice' not in page.tables and 'choice.csv is damaged' in page.text
