"""The report that a search leaves, and the tool that makes it anew."""

from tests.test_visualization.files import Page


def test_search_leaves_its_report(search):
    work_dir, printed = search
    page = Page((work_dir / 'report.html').read_text())
    assert {'child', 'accuracy-top1', 'probabilities'} <= set(page.pictures)
    assert len(page.tables['child']) == 1 + 8
    told = dict(page.tables['summary'])
    assert told['data'].startswith('Digits, 10 classes (0, 1, 2')
    assert told['length'] == '3 epochs (pretrain 1, search 1, finetune 1)'
    assert told['seed'] == '0' and told['images in a step'] == '64'
    assert f'{work_dir / "report.html"}' in printed


def test_tool(search, run_tool, tmp_path):
    work_dir, _ = search
    done = run_tool('visualization/report.py', work_dir, work_dir, cwd=tmp_path)
    assert done.stdout.strip() == 'comparison.html'
    assert (tmp_path / 'comparison' / 'child-2.svg').is_file()
    done = run_tool('visualization/report.py', tmp_path, cwd=tmp_path, fails=True)
    assert done.stderr.startswith('error: WORK_DIR must be the work directory of a run')
    assert 'Traceback' not in done.stderr
