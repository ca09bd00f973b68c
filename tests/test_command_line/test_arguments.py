import pytest
from torch.utils.data import DataLoader, Dataset

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.errors import DataError


class Broken(Dataset):
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
