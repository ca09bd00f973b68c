"""Broken input gives a sentence and no file."""

import hashlib

import pytest
import torch

from mmdsnas.subnets import official
from tests.test_reference.filling import CASES

TOOL = 'model_converters/convert_official.py'
CASE = CASES[0]


@pytest.fixture
def refused(convert, files, tmp_path, capsys):
    """Runs the tool on broken input; returns why it refused that."""

    def run(checkpoint, *args, out='out.pth'):
        path = tmp_path / 'broken.pth'
        if isinstance(checkpoint, bytes):
            path.write_bytes(checkpoint)
        elif isinstance(checkpoint, dict):
            torch.save(checkpoint, path)
        else:
            path = checkpoint
        before = sorted(tmp_path.iterdir())
        with pytest.raises(SystemExit, match='^1$'):
            convert(path, tmp_path / out, *args)
        assert sorted(tmp_path.iterdir()) == before
        told = capsys.readouterr().err
        sentence, *reasons = told[told.index('error: ') :].splitlines()
        return sentence.replace(str(path), 'FILE'), [line.strip() for line in reasons]

    return run


def test_published_md5_sum(convert, refused, files, tmp_path, monkeypatch):
    child = files / 'child.pth'
    sentence, _ = refused(child, '--md5', 'DSNASretrain240')
    assert 'has the MD5 sum' in sentence
    assert sentence.endswith(
        'that of DSNASretrain240 is 459098b27704524927fbd8ed34570103.'
    )
    sentence, _ = refused(child, '--md5', 'x')
    assert sentence == (
        'error: --md5 must be one of DSNASsearch240, DSNASretrain240, SPOSretrain240, '
        "but is 'x'."
    )
    digest = hashlib.md5(child.read_bytes()).hexdigest()
    monkeypatch.setitem(official.MD5, 'DSNASretrain240', digest)
    printed = convert(child, tmp_path / 'out.pth', '--md5', 'DSNASretrain240')
    assert 'The MD5 sum is that of DSNASretrain240.' in printed


@pytest.mark.parametrize('kind', ['supernet', 'child'])
def test_every_wrong_tensor_is_named(refused, kind, request):
    weights = dict(request.getfixturevalue(kind))
    del weights['conv_last.1.bias'], weights['features.0.0.branch_proj.0.weight']
    weights['x.weight'] = torch.zeros(1)
    weights['features.20.0.branch_main.0.weight'] = torch.zeros(1)
    weights['classifier.0.weight'] = weights['classifier.0.weight'][:10].clone()
    weights['first_conv.1.weight'] = torch.full((16,), torch.nan)
    sentence, reasons = refused(weights)
    assert (
        sentence == f"error: checkpoint FILE is not a {kind} of the authors' network:"
    )
    assert sorted(reasons) == [
        'classifier.0.weight has shape (10, 1024) instead of (1000, 1024)',
        'conv_last.1.bias is missing',
        'features.0.0.branch_proj.0.weight is missing',
        'features.20.0.branch_main.0.weight is left over',
        'first_conv.1.weight has values that are not finite',
        'x.weight is left over',
    ]


@pytest.mark.parametrize(
    'alpha, reason',
    [
        (torch.zeros(4, 20), 'has shape (4, 20) instead of (20, 4)'),
        (torch.full((20, 4), torch.nan), 'has values that are not finite'),
        (None, 'is a NoneType instead of a tensor'),
        (torch.zeros(20, 4).to_sparse(), 'is a sparse tensor instead of a dense one'),
    ],
)
def test_wrong_alpha(refused, supernet, alpha, reason):
    _, reasons = refused({**supernet, 'log_alpha': alpha})
    assert reasons == [f'log_alpha {reason}']


def test_child_with_a_wrong_number_of_slots(refused, supernet, child):
    other = (CASE['path'][3] + 1) % 4
    prefix = f'features.3.{other}.'
    second = {n: v for n, v in supernet.items() if n.startswith(prefix)}
    _, reasons = refused({**child, **second})
    assert reasons == ['features.3 has 2 candidates instead of one']
    _, reasons = refused(
        {n: v for n, v in child.items() if not n.startswith('features.7.')}
    )
    assert reasons == ['features.7 has 0 candidates instead of one']


class Opens:
    """Would open a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


def test_damaged_and_unsafe_files(refused, files, child, tmp_path):
    sentence, _ = refused(files / 'none.pth')
    assert sentence == 'error: checkpoint FILE does not exist.'
    for name in ('model.pth-80', 'child.pth'):
        whole = (files / name).read_bytes()
        for part in (0, 1, 999, len(whole) // 2, len(whole) - 1):
            sentence, _ = refused(whole[:part])
            assert 'checkpoint FILE' in sentence and 'damaged' in sentence
    for text in (b'epoch: 80\n', b'<html>not found</html>', b'import torch\n'):
        sentence, _ = refused(text)
        assert sentence == 'error: FILE is no checkpoint, but another kind of file.'
    mark = tmp_path / 'it_ran'
    sentence, _ = refused({**child, 'x': Opens(str(mark))})
    assert 'holds objects other than tensors' in sentence
    assert not mark.exists()
    assert refused({'state_dict': {}})[0] == 'error: checkpoint FILE holds no weights.'


def test_output_and_config(refused, files, tmp_path):
    (tmp_path / 'folder.pth').mkdir()
    child = files / 'child.pth'
    for out in ('out', 'out.pt', 'folder.pth'):
        sentence, _ = refused(child, out=out)
        assert sentence.startswith(
            'error: OUT must be a file that ends in .pth, but is'
        )
    sentence, _ = refused(child, out=child)
    assert sentence == 'error: OUT must be another file than the checkpoint FILE.'
    sentence, _ = refused(child, out='/proc/none/out.pth')
    assert sentence.startswith('error: /proc/none/out.pth cannot be written: ')
    sentence, _ = refused(child, '--config', 'dsnas_supernet_1xb64_digits')
    assert "--config must be that of the authors' network" in sentence


@pytest.mark.parametrize(
    'source, sentence',
    [
        ('none.pth', 'does not exist.'),
        ('cut.pth', 'is damaged: '),
    ],
)
def test_command_line_ends_with_the_sentence(
    run_tool, files, tmp_path, source, sentence
):
    (files / 'cut.pth').write_bytes((files / 'child.pth').read_bytes()[:5000])
    done = run_tool(TOOL, files / source, 'out.pth', cwd=tmp_path, fails=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f'error: checkpoint {files / source} {sentence}')
    assert 'Traceback' not in done.stderr and not list(tmp_path.iterdir())
