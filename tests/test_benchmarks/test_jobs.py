import json

import pytest

from benchmarks.quality.jobs import run_jobs


def double(number):
    return dict(value=2 * number)


def fail(number):
    raise ValueError(f'no {number}')


def test_jobs_run_once_and_a_call_goes_on_where_one_failed(tmp_path, capsys):
    jobs = {f'job-{i}': (double, (i,)) for i in range(3)}
    with pytest.raises(ValueError, match='no 7'):
        run_jobs({'job-0': jobs['job-0'], 'bad': (fail, (7,))}, tmp_path, 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ['job-0.json']
    # What is there is taken as it is.
    (tmp_path / 'job-0.json').write_text('{"value": 100}')
    found = run_jobs(jobs, tmp_path, 1)
    assert list(found.items()) == [
        ('job-0', dict(value=100)),
        ('job-1', dict(value=2)),
        ('job-2', dict(value=4)),
    ]
    told = capsys.readouterr().out
    assert '1 of 3 jobs are done.' in told and '2/2  0:00:00 left  job-2' in told
    assert json.loads((tmp_path / 'job-2.json').read_text()) == dict(value=4)
