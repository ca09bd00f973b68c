import pytest

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import DataError


def test_an_error_is_one_sentence(capsys):
    @show_user_errors
    def main():
        raise DataError('The image "x" is gone: put it there.')

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == 'error: The image "x" is gone: put it there.\n'


def test_other_errors_are_shown_whole():
    @show_user_errors
    def main():
        raise ValueError('x')

    with pytest.raises(ValueError, match='^x$'):
        main()


@pytest.mark.parametrize(
    'words, told',
    [
        (['--cfg-options', 'a=1', 'b.c', '1'], "must be KEY=VALUE, but got 'b.c'"),
        (['--cfg-options', 'a=(1,2'], "must have brackets in pairs, but got 'a=(1,2'"),
        # A misspelt option is no other one.
        (['--cfg-option', 'a=1'], '--cfg-option'),
    ],
)
def test_wrong_options(capsys, words, told):
    with pytest.raises(SystemExit):
        config_parser('').parse_args(['x', *words])
    assert told in capsys.readouterr().err


def test_paths_stay_as_they_are():
    """Of anything else mmengine makes numbers and lists."""
    paths = {
        'data_root': '/my own/pets, 2024',
        'train_dataloader.dataset.data_root': '2024',
        'load_from': 'a b.pth',
        'model.fix_subnet': '1,2.yaml',
        'custom_hooks.0.out_dir': "the dogs'",
        'model.init_cfg.checkpoint': '"a" b',
        'model.resource_estimator.latency.command': './bench.sh {model} 3',
        'model.resource_estimator.latency.pattern': r'median = (\S+), mean',
    }
    words = [f'{name}={path}' for name, path in paths.items()]
    words += ['work_dir="in quotes"', 'ann_file=None', 'a=(1, 2)', 'b=x=y']
    assert config_parser('').parse_args(['x', '--cfg-options', *words]).options == {
        **paths,
        'work_dir': 'in quotes',
        'ann_file': None,
        'a': (1, 2),
        'b': 'x=y',
    }


def test_options_given_several_times_add_up():
    words = ['x', '--cfg-options', 'a=1', 'b=2', '--cfg-options', 'b=3', 'c.d=4']
    found = config_parser('').parse_args(words).options
    assert found == {'a': 1, 'b': 3, 'c.d': 4}
    assert config_parser('').parse_args(['x']).options is None
