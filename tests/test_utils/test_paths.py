from pathlib import Path

import pytest

from mmdsnas.errors import ConfigError, SubnetError
from mmdsnas.utils import config_root, find_config, find_subnet, paths


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package folder beside a ``configs`` with a few files."""
    for name in (
        'dsnas/dsnas_supernet_1xb64_digits.py',
        'dsnas/dsnas_subnet_1xb64_digits.py',
        'dsnas/lr0.1.py',
        'dsnas/_base_/models/digits.py',
        'dsnas/_base_/datasets/digits.py',
    ):
        config = tmp_path / 'configs' / name
        config.parent.mkdir(parents=True, exist_ok=True)
        config.touch()
    package = tmp_path / 'mmdsnas'
    package.mkdir()
    monkeypatch.setattr(paths, '_PACKAGE', package)
    return package


def test_config_root_of_this_checkout():
    assert config_root() == Path(paths.__file__).parents[2] / 'configs'
    assert config_root().is_dir()


def test_config_root_prefers_the_installed_configs(package):
    assert config_root() == package.parent / 'configs'
    installed = package / '.mim' / 'configs'
    installed.mkdir(parents=True)
    assert config_root() == installed


@pytest.mark.parametrize(
    'name, found',
    [
        ('dsnas_supernet_1xb64_digits', 'dsnas_supernet_1xb64_digits.py'),
        ('dsnas_supernet_1xb64_digits.py', 'dsnas_supernet_1xb64_digits.py'),
        ('dsnas/dsnas_supernet_1xb64_digits', 'dsnas_supernet_1xb64_digits.py'),
        ('configs/dsnas/dsnas_subnet_1xb64_digits.py', 'dsnas_subnet_1xb64_digits.py'),
        (Path('dsnas_subnet_1xb64_digits.py'), 'dsnas_subnet_1xb64_digits.py'),
        ('lr0.1', 'lr0.1.py'),
        ('models/digits', '_base_/models/digits.py'),
    ],
)
def test_find_config_by_name(package, tmp_path, monkeypatch, name, found):
    (tmp_path / 'elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    assert find_config(name) == config_root() / 'dsnas' / found


def test_find_config_takes_an_existing_file_first(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / 'dsnas_supernet_1xb64_digits.py'
    own.touch()
    assert find_config('dsnas_supernet_1xb64_digits.py') == own
    assert find_config(own) == own


@pytest.mark.parametrize('name', ['', '.', '/', 'dsnas', '/dsnas/lr0.1.py', 'lr*'])
def test_find_config_unknown(package, name):
    with pytest.raises(ConfigError, match='is neither a file nor a config'):
        find_config(name)


def test_find_config_ambiguous(package):
    with pytest.raises(ConfigError, match='ambiguous.*datasets/.*models/'):
        find_config('digits')


@pytest.mark.parametrize(
    'name', ['dsnas_official', 'dsnas_official.yaml', 'subnets/dsnas_official.yaml']
)
def test_shipped_subnet_is_found_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_subnet(name) == config_root() / 'dsnas/subnets/dsnas_official.yaml'


def test_own_subnet_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('dsnas_official.yaml').write_text('a: b')
    assert find_subnet('dsnas_official.yaml') == Path('dsnas_official.yaml')
    message = '^subnet file x does not exist; mmdsnas itself has .*dsnas_official, '
    with pytest.raises(SubnetError, match=message):
        find_subnet('x')


def test_the_nearest_names(package, tmp_path, monkeypatch):
    message = '^"dsnas_supernet_1xb64_digit" .* are: dsnas_supernet_1xb64_digits, '
    with pytest.raises(ConfigError, match=message):
        find_config('dsnas_supernet_1xb64_digit')
    monkeypatch.setattr(paths, '_PACKAGE', tmp_path / 'nowhere' / 'mmdsnas')
    with pytest.raises(ConfigError, match='names there are: none'):
        find_config('digits')
