import re

import pytest
from torch.utils.data import DataLoader, Dataset

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import DataError


class Broken(Dataset):
    def __init__(self):
        pass

    def __len__(self):
        return 1

    def __getitem__(self, idx):
        raise DataError('The image "x" is gone: put it there.')


@pytest.mark.parametrize('num_workers', [0, 1])
def test_an_error_is_one_sentence_also_from_a_data_worker(num_workers):
    @show_user_errors
    def main():
        list(DataLoader(Broken(), num_workers=num_workers))

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 'error: The image "x" is gone: put it there.'


def test_other_errors_are_shown_whole():
    @show_user_errors
    def main():
        raise ValueError('x')

    with pytest.raises(ValueError, match='^x$'):
        main()


def test_option_that_a_class_does_not_have():
    @show_user_errors
    def main():
        Broken(pretrain_epoch=1)

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == (
        "error: the config gives Broken an option 'pretrain_epoch', which it does not "
        'have.'
    )


@pytest.mark.parametrize('message', ['x', "f() got an unexpected keyword argument 'a'"])
def test_other_type_errors_are_shown_whole(message):
    @show_user_errors
    def main():
        raise TypeError(message)

    with pytest.raises(TypeError, match=re.escape(message)):
        main()


def test_option_without_a_value(capsys):
    with pytest.raises(SystemExit):
        config_parser('').parse_args(['x', '--cfg-options', 'a=1', 'b.c', '1'])
    assert "--cfg-options must be KEY=VALUE, but got 'b.c'" in capsys.readouterr().err
