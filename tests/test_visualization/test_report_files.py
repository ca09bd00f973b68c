"""The files of a report, and those of a run that are damaged."""

import errno
import math
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from mmdsnas.errors import ConfigError, DataError, OutputError
from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.utils.files import SUFFIX
from mmdsnas.visualization import report
from tests.test_visualization.files import columns, page_of, train, write_session


def test_out_must_be_a_page_that_can_be_written(searched, tmp_path, monkeypatch):
    (tmp_path / 'folder.html').mkdir()
    for name in ('report.pdf', 'folder.html'):
        with pytest.raises(ConfigError, match='^--out must be .*.html'):
            report(searched, tmp_path / name)
    with pytest.raises(ConfigError, match='must be at least one folder'):
        report([])
    # All of it before the work.
    monkeypatch.setattr(sys.modules['mmdsnas.visualization.report'], 'read_run', None)
    (tmp_path / 'file').touch()
    for name in ('file/report.html', 'file.html'):
        with pytest.raises(OutputError, match=f'--out.*, but is {tmp_path}/file'):
            report(searched, tmp_path / name)
    # What is no run does not become a folder.
    with pytest.raises(DataError, match='is not a folder'):
        report(tmp_path / 'none')
    assert not (tmp_path / 'none').exists()


def test_pictures_of_an_earlier_report_are_removed(tmp_path):
    lines = [train(k, 2, loss=k) for k in (1, 2, 3, 4)]
    for name in 'abc':
        write_session(tmp_path / name, '20260101_0', lines)
        meta = dict(subnet={'a.0': 'x'})
        save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / name / 'subnet.pth')
    runs, out = [tmp_path / name for name in 'abc'], tmp_path / 'cmp.html'
    pictures = out.with_suffix('')
    report(runs, out)
    names = {'loss.svg', 'child-1.svg', 'child-2.svg', 'child-3.svg'}
    assert {path.name for path in pictures.iterdir()} == names
    # A picture of one's own, one that was copied, and what a killed writer left.
    (pictures / 'mine.svg').write_text('<svg/>')
    (pictures / 'kept.svg').write_bytes((pictures / 'child-1.svg').read_bytes())
    (pictures / f'.loss.svg.abcdefgh{SUFFIX}').touch()
    report(runs[:2], out)
    kept = names - {'child-3.svg'} | {'mine.svg', 'kept.svg'}
    assert {path.name for path in pictures.iterdir()} == kept


def test_picture_that_cannot_be_removed(searched, tmp_path, monkeypatch):
    out, unlink = tmp_path / 'x.html', Path.unlink
    report([searched, searched], out)

    def refuse(path, missing_ok=False):
        if path.name == 'child-2.svg':
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, 'unlink', refuse)
    with pytest.raises(OutputError, match='x/child-2.svg of an earlier .*denied.$'):
        report(searched, out)
    # All else is there.
    assert 'Report: work<' in out.read_text()


def test_comparison_is_not_the_report_of_a_run(searched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report([searched, searched]) == Path('comparison.html')
    assert sorted(os.listdir()) == ['comparison', 'comparison.html']


def test_what_is_damaged_is_left_out_and_named(searched, tmp_path):
    work_dir = tmp_path / 'work'
    shutil.copytree(searched, work_dir)
    (work_dir / 'subnet.pth').write_bytes(b'PK')
    (file,) = work_dir.glob('*/vis_data/scalars.json')
    first, *rest = file.read_text().splitlines()
    huge = '9' * 401
    last = f'{{"loss": {huge}, "task.loss": 0.5, "epoch": 3, "iter": 12, "step": 12}}'
    file.write_text('\n'.join([first[:20], *rest, last]))
    page = page_of(report(work_dir))
    told = dict(page.tables['summary'])['left out']
    assert told.startswith(f'damaged lines of {file}: 1; checkpoint {work_dir}/subnet.')
    # The last checkpoint has the child.
    assert len(page.tables['child']) == 3
    assert columns(page.tables['loss'])['task.loss'][-1] == 0.5


def test_numbers_that_are_none_are_not_drawn(tmp_path):
    values = (math.nan, math.inf, -1e308, 1e308, 0.5)
    names = ('loss', 'entropy/a', 'entropy', 'prob/a/x', 'prob/a/y', 'reward/a')
    names += ('expected_mflops', 'sampled_mflops')
    lines = [train(k, 1, **dict.fromkeys(names, v)) for k, v in enumerate(values, 1)]
    lines += [dict(zip(('acc/x', 'step'), (v, k))) for k, v in enumerate(values, 1)]
    write_session(tmp_path / 'work', '20260101_0', lines)
    page = page_of(report(tmp_path / 'work'))
    for _, attributes in page.tags:
        assert re.fullmatch(r'[MLCz\d. \n-]*', attributes.get('d', '')), attributes
    assert columns(page.tables['rewards']) == dict(epoch=[5], a=[0.5])
