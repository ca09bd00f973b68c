import importlib
import re
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import mmdsnas
from mmdsnas import versions
from mmdsnas.versions import TESTED, __version__, untested_versions

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'


@pytest.fixture
def installed(monkeypatch):
    """Installed versions to pretend; None is a missing package."""
    pretended = {}

    def find(name):
        have = pretended[name] if name in pretended else version(name)
        if have is None:
            raise PackageNotFoundError(name)
        return have

    monkeypatch.setattr(versions, 'version', find)
    return pretended


def messages_of_import():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        importlib.reload(mmdsnas)
    return [str(w.message) for w in caught]


def test_tested_versions_are_installed_and_silent():
    assert untested_versions() == []
    assert messages_of_import() == []


def test_requirements_pin_the_tested_versions():
    lines = (REQUIREMENTS / 'runtime.txt').read_text().splitlines()
    pins = dict(line.split('==') for line in lines if not line.startswith('#'))
    for name, tested in TESTED.items():
        assert pins['mmcv-lite' if name == 'mmcv' else name] == tested


@pytest.mark.parametrize('name', TESTED)
def test_untested_version_is_named_in_one_sentence(installed, name):
    installed[name] = '9.9.9'
    (message,) = messages_of_import()
    assert message == (
        f'mmdsnas {__version__} was not tested with {name} 9.9.9 '
        f'(tested: {TESTED[name]}).'
    )


def test_all_untested_versions_share_one_sentence(installed, monkeypatch):
    installed.update(torch='2.0.1', mmcls='1.0.0')
    monkeypatch.setattr(
        versions.platform, 'python_version_tuple', lambda: ('3', '99', '1')
    )
    (message,) = messages_of_import()
    assert re.findall(r'(\w+) [\d.]+ \(tested', message) == ['Python', 'torch', 'mmcls']


@pytest.mark.slow
def test_warning_points_at_the_importing_line(run_python, tmp_path):
    (tmp_path / 'user.py').write_text('import mmdsnas\n')
    assert run_python(
        """
import platform, warnings
platform.python_version_tuple = lambda: ('3', '99', '1')
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import user
print([w.filename for w in caught if 'not tested with' in str(w.message)])
""",
        tmp_path,
    ).strip() == str([str(tmp_path / 'user.py')])


def test_build_tags_and_patch_releases_of_python_do_not_count(installed, monkeypatch):
    installed['torch'] = TESTED['torch'] + '+cu999'
    monkeypatch.setattr(
        versions.platform,
        'python_version_tuple',
        lambda: (*versions.TESTED_PYTHON.split('.'), '99'),
    )
    assert untested_versions() == []


@pytest.mark.parametrize('distribution', ['mmcv', 'mmcv-lite'])
def test_either_distribution_of_mmcv_will_do(installed, distribution):
    installed.update({'mmcv': None, 'mmcv-lite': None, distribution: TESTED['mmcv']})
    assert messages_of_import() == []


@pytest.mark.parametrize('name', TESTED)
def test_missing_package_is_named_in_one_sentence(installed, name):
    installed[name] = None
    if name == 'mmcv':
        installed['mmcv-lite'] = None
    with pytest.raises(ImportError) as error:
        importlib.reload(mmdsnas)
    message = str(error.value)
    assert f'mmdsnas needs the package {name}, which is not installed' in message
    assert f'=={TESTED[name]}"' in message
    assert '\n' not in message
