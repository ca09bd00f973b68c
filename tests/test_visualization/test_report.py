"""A page is read back: its numbers, its words, and that it asks for nothing."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.visualization import report
from tests.test_visualization import files
from tests.test_visualization.files import columns, page_of, scalars, train

PICTURES = 'child toy-score loss probabilities rewards entropy cost-flops'.split()
EVIL = '</title></svg><script>alert(1)</script><img src=//x.y onerror=a>\x00"\''


def asks_for_nothing(path):
    text = path.read_text(encoding='utf-8')
    for tag, attributes in files.Page(text).tags:
        assert tag not in ('script', 'img', 'link', 'iframe', 'object', 'image')
        assert not {name for name in attributes if name.startswith('on')}
        assert not {'src', 'srcset'} & set(attributes)
        assert attributes.get('href', '#').startswith('#')
        assert attributes.get('xlink:href', '#').startswith('#')
        assert 'url(' not in ''.join(map(str, attributes.values())).replace('url(#', '')
    style = re.search('<style>.*?</style>', text, re.S)[0]
    assert 'url(' not in style and '@import' not in style and 'http' not in style


@pytest.fixture(scope='module')
def page(searched):
    path = report(searched)
    assert path == searched / 'report.html'
    return page_of(path)


def test_tables_are_the_numbers_of_the_files(searched, page):
    lines = scalars(searched)

    def logged(name):
        return pytest.approx([n[name] for n in lines if name in n], rel=1e-5)

    assert columns(page.tables['loss'])['task.loss'] == logged('task.loss')
    scores = columns(page.tables['toy-score'])
    assert scores == {'epoch': [1, 2, 3], 'toy/score': logged('toy/score')}
    entropy = columns(page.tables['entropy'])
    for block in ('blocks.0', 'blocks.1'):
        assert entropy[block] == logged(f'entropy/{block}')
        # With the estimator of the paper each block has its own.
        rewards = columns(page.tables['rewards'])
        assert rewards[block] == logged(f'reward/{block}')
        for choice in ('tanh', 'sine'):
            shown = columns(page.tables['probabilities'])[f'{block} {choice}']
            assert shown == logged(f'prob/{block}/{choice}')
    assert entropy['mean'] == logged('entropy')
    cost = columns(page.tables['cost-flops'])
    assert cost['expected'] == logged('expected_mflops')
    assert cost['sampled'] == logged('sampled_mflops')
    meta = torch.load(searched / 'subnet.pth', weights_only=True)['meta']
    head, *rows = page.tables['child']
    assert head == ['block', 'candidate', 'probability', 'MFLOPs', 'million parameters']
    assert [row[:2] for row in rows] == [list(item) for item in meta['subnet'].items()]
    probabilities = [b['probability'] for b in meta['blocks'].values()]
    assert [float(row[2]) for row in rows] == pytest.approx(probabilities, rel=1e-5)


def test_summary(searched, page):
    told = dict(row for row in page.tables['summary'])
    meta = torch.load(searched / 'subnet.pth', weights_only=True)['meta']
    score = [n['toy/score'] for n in scalars(searched) if 'toy/score' in n][-1]
    assert told['toy/score (last validation)'] == f'{score:.2f}'
    assert told['MFLOPs of the child'] == f'{meta["mflops"]:.3f}'
    assert told['limit'] == '0.5 MFLOPs' and told['seed'] == '3'
    assert told['length'] == '3 epochs (pretrain 1, search 1, finetune 1)'
    assert told['data'] == 'NoisyVectors, <img src="http://x.y/z.png">'
    assert f'PyTorch {torch.__version__}' in told['versions']


def test_every_picture_has_words_a_table_and_a_file(searched, page):
    assert list(page.pictures) == PICTURES
    for name in PICTURES:
        (text,) = page.pictures[name]
        assert len(text) > 10 and len(page.tables[name]) > 1
        root = ET.parse(searched / 'report' / f'{name}.svg').getroot()
        assert root.tag == '{http://www.w3.org/2000/svg}svg'
        assert root.find('{*}title').text and root.find('{*}desc').text == text
        # Colours of its own, as a program for papers does not know the page's.
        assert 'var(' not in ET.tostring(root, 'unicode')
    assert sorted(p.stem for p in (searched / 'report').iterdir()) == sorted(PICTURES)
    figures = [a['id'] for tag, a in page.tags if tag == 'figure']
    assert figures == [f'figure-{name}' for name in PICTURES]
    ids = [a['id'] for _, a in page.tags if 'id' in a]
    assert len(set(ids)) == len(ids)


def test_page_is_accessible_and_offline(searched, page):
    asks_for_nothing(searched / 'report.html')
    assert ('html', dict(lang='en')) in page.tags
    # Whatever slips into the page could load and run nothing.
    (policy,) = [a['content'] for tag, a in page.tags if 'http-equiv' in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    levels = [level for level, _ in page.headings]
    assert levels.count('h1') == 1 and levels[0] == 'h1' and levels[1] == 'h2'
    named = {a.get('id') for tag, a in page.tags if tag in ('title', 'desc')}
    for image in [a for tag, a in page.tags if tag == 'svg']:
        assert image['role'] == 'img'
        assert set(image['aria-labelledby'].split()) <= named
    links = {a['href'][1:] for tag, a in page.tags if tag == 'a'}
    assert links <= {a.get('id') for _, a in page.tags}
    # The config is there as it was written, and as text alone.
    assert '<img src="http://x.y/z.png">' in page.text
    style = (searched / 'report.html').read_text()
    assert 'prefers-color-scheme:dark' in style and '@media print' in style
    # No colour of a picture stays light on dark ground.
    _, *pictures = style.split('<svg ')
    assert pictures and not any(
        '#' in re.sub(r'[(">]#', '', p.partition('</svg>')[0]) for p in pictures
    )


def test_what_files_say_is_text(tmp_path):
    lines = [
        train(k, 2, **{'loss': k, f'entropy/{EVIL}': 3 - k, f'prob/{EVIL}/{EVIL}': 1})
        for k in (1, 2)
    ]
    lines.append({f'{EVIL}/score': 1, 'step': 1})
    folder = tmp_path / 'a <b>&amp;'
    told = dict(config=EVIL, options=dict(model=dict(type=EVIL), data_root=EVIL))
    told.update(begin=EVIL, facts={'seed': EVIL, 'Python': EVIL, EVIL: EVIL})
    files.write_session(folder, '20260101_0', lines, 2, limits=dict(flops=EVIL), **told)
    blocks = {EVIL: dict(candidate=EVIL, mflops=1.0)}
    meta = dict(blocks=blocks, mflops=2.0, dataset_meta=dict(classes=[EVIL]))
    save_checkpoint(dict(meta=meta, state_dict={}), folder / 'subnet.pth')
    path = report([folder, folder], tmp_path / 'out.html')
    asks_for_nothing(path)
    allowed = set('svg title desc defs g path text clipPath rect use'.split())
    for file in (tmp_path / 'out').iterdir():
        assert {e.tag.partition('}')[2] for e in ET.parse(file).iter()} <= allowed


def test_two_runs_have_columns_and_axes_in_common(searched, tmp_path):
    values = {'loss': 0.5, 'task.loss': 0.4, 'expected_mflops': 0.3}
    lines = [train(k, 2, **values) for k in range(1, 9)]
    lines += [{'toy/score': 0.25 * k, 'step': k} for k in (1, 2, 3)]
    other = tmp_path / 'other'
    plan = dict(max_epochs=10, pretrain_epochs=2, finetune_epochs=4)
    told = dict(plan=plan, length=10, facts=dict(seed=11))
    options = dict(train_cfg=dict(max_epochs=10))
    files.write_session(other, '20260101_0', lines, 2, options=options, **told)
    out = tmp_path / 'both.html'
    page = page_of(report([searched, other], out))
    head, *rows = page.tables['summary']
    assert head == ['', searched.name, 'other']
    told = {name: values for name, *values in rows}
    assert told['seed'] == ['3', '11'] and told['limit'] == ['0.5 MFLOPs', 'none']
    assert told['length'][1].startswith('4 of 10 epochs: not finished')
    assert 'other is not finished: it has done 4 of 10 epochs, in the s' in page.text
    scores = columns(page.tables['toy-score'])
    assert scores['other'] == [0.25, 0.5, 0.75] and len(scores[searched.name]) == 3
    assert page.tables['options'][0] == ['', searched.name, 'other']
    assert ['train_cfg.max_epochs', '3', '10'] in page.tables['options']
    # The axis has ten epochs, although the first run has three.
    for name in ('toy-score', 'probabilities-1'):
        assert '>10</text>' in (tmp_path / 'both' / f'{name}.svg').read_text()
    assert set(columns(page.tables['cost-flops'])) == {'epoch', searched.name, 'other'}
    assert 'probabilities-1' in page.pictures and 'child-1' in page.pictures
