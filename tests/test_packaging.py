"""What an installed mmdsnas has: built once from the source distribution."""

import os
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mmdsnas.versions import TESTED, TESTED_PYTHON, __version__

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]


def pip(*args):
    subprocess.run([sys.executable, '-m', 'pip', *map(str, args)], check=True)


@pytest.fixture(scope='module')
def sdist(tmp_path_factory):
    """The unpacked source distribution; nothing is written to the checkout."""
    tmp = tmp_path_factory.mktemp('sdist')
    subprocess.run(
        [
            sys.executable,
            'setup.py',
            '--quiet',
            'egg_info',
            '--egg-base',
            tmp,
            'sdist',
            '--formats=gztar',
            '--dist-dir',
            tmp,
        ],
        cwd=ROOT,
        check=True,
    )
    subprocess.run(
        ['tar', '-xzf', tmp / f'mmdsnas-{__version__}.tar.gz', '-C', tmp], check=True
    )
    return tmp / f'mmdsnas-{__version__}'


@pytest.fixture(scope='module')
def wheel(sdist, tmp_path_factory):
    tmp = tmp_path_factory.mktemp('wheel')
    pip(
        'wheel',
        '--no-deps',
        '--no-build-isolation',
        '--no-index',
        '--wheel-dir',
        tmp,
        sdist,
    )
    (wheel,) = tmp.glob('*.whl')
    return wheel


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """A folder that the wheel is installed into."""
    site = tmp_path_factory.mktemp('site')
    pip('install', '--no-deps', '--no-index', '--target', site, wheel)
    return site


@pytest.fixture(scope='module')
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(
            archive.read(f'mmdsnas-{__version__}.dist-info/METADATA')
        )


def files(folder, root):
    """Contents of a folder's files by their path relative to the root."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in (root / folder).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


@pytest.mark.parametrize('folder', ['mmdsnas', 'configs', 'tools', 'tests'])
def test_sdist_is_complete(sdist, folder):
    assert files(folder, ROOT)
    assert files(folder, sdist) == files(folder, ROOT)


def test_wheel_has_the_package(site):
    installed = files('mmdsnas', site)
    assert {
        name: content for name, content in installed.items() if '.mim' not in name
    } == files('mmdsnas', ROOT)


@pytest.mark.parametrize('folder', ['configs', 'tools'])
def test_wheel_has_configs_and_tools(site, folder):
    assert files(folder, ROOT)
    assert files(folder, site / 'mmdsnas' / '.mim') == files(folder, ROOT)


def test_wheel_has_the_model_index_if_there_is_one(site):
    name = 'model-index.yml'
    assert (site / 'mmdsnas' / '.mim' / name).exists() == (ROOT / name).exists()


def test_installed_config_is_found_and_loads(site, run_python, tmp_path):
    where, found, scope = run_python(
        """
import mmdsnas
from mmdsnas.utils import find_config
from mmengine.config import Config
print(mmdsnas.__path__[0])
path = find_config('dsnas_supernet_1xb64_digits')
print(path)
print(Config.fromfile(path).default_scope)
""",
        site,
        cwd=tmp_path,
    ).splitlines()[-3:]
    assert Path(where) == site / 'mmdsnas'
    assert Path(found) == (
        site / 'mmdsnas/.mim/configs/dsnas/dsnas_supernet_1xb64_digits.py'
    )
    assert scope == 'mmdsnas'


def test_installed_command_finds_its_configs(site, tmp_path):
    done = subprocess.run(
        [site / 'bin' / 'mmdsnas', 'print-config', 'dsnas_supernet_1xb64_digits'],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "default_scope = 'mmdsnas'" in done.stdout


def test_installed_child_is_built_from_its_subnet_file(site, run_python, tmp_path):
    subnet, choices, by_name, blocks = run_python(
        """
from mmdsnas.registry import MODELS
from mmdsnas.subnets import read_subnet
from mmdsnas.utils import find_subnet
from mmdsnas.launch.run_config import load_config
config = load_config('dsnas_subnet_1xb64_digits')
print(config.model.fix_subnet)
print(len(MODELS.build(config.model).backbone.layers[1][0].choices))
print(find_subnet('spos_official'))
print(len(read_subnet('spos_official')))
""",
        site,
        cwd=tmp_path,
    ).splitlines()[-4:]
    assert Path(subnet).is_relative_to(site)
    assert choices == '1'
    assert Path(by_name).is_relative_to(site)
    assert blocks == '20'


def test_built_again_without_what_is_gone(sdist, tmp_path):
    """A config that an earlier build left in ``build/`` is not shipped."""
    left = next((sdist / 'build' / 'lib').rglob('.mim')) / 'configs' / 'gone.py'
    left.touch()
    pip(
        'wheel',
        '--no-deps',
        '--no-build-isolation',
        '--no-index',
        '--wheel-dir',
        tmp_path,
        sdist,
    )
    (wheel,) = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    assert not any(name.endswith('gone.py') for name in names)


def test_metadata(metadata):
    assert metadata['Name'] == 'mmdsnas'
    assert metadata['Version'] == __version__
    assert metadata['License'] == 'Apache-2.0'
    assert metadata['Requires-Python'] == f'>={TESTED_PYTHON}'


def pins_of(name):
    pins = {}
    for line in (ROOT / 'requirements' / name).read_text().splitlines():
        if line.startswith('-r '):
            pins |= pins_of(line.removeprefix('-r '))
        elif not line.startswith('#'):
            pins |= dict([line.split('==')])
    return pins


EXTRAS = 'export', 'litert', 'onnx', 'openvino', 'pretrained', 'tests'


def test_ranges_allow_the_pinned_versions(metadata):
    """setup.py and requirements/ name the same packages and agree on them."""
    needs = [Requirement(line) for line in metadata.get_all('Requires-Dist')]
    assert 'mmcv-lite' not in {need.name for need in needs if not need.marker}
    assert not any(need.name == 'mmcv' for need in needs)

    files = dict(runtime=(None, 'lite'))
    files |= {extra: (extra,) for extra in EXTRAS}
    for extras, names in files.items():
        pins = pins_of(f'{extras}.txt')
        ranges = {
            need.name: need.specifier
            for need in needs
            if any(
                not need.marker
                if name is None
                else need.marker and need.marker.evaluate({'extra': name})
                for name in names
            )
        }
        assert ranges.keys() == pins.keys()
        for name, pin in pins.items():
            assert ranges[name].contains(pin, prereleases=True), name
    assert {need.name for need in needs} >= TESTED.keys() - {'mmcv'}
