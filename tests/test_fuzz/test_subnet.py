"""Subnet files with nonsense in them give a child, or a sentence of ours."""

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from mmengine.registry import DefaultScope

from mmdsnas.subnets import read_subnet, sub_model
from tests.test_fuzz.nonsense import answered, small_search, values

ARCHITECTURE = small_search()['model']['architecture']
SUBNET = {
    'backbone.layers.0.0': dict(chosen='OfficialShuffleBlock'),
    'backbone.layers.1.0': dict(chosen='OfficialShuffleXception'),
}
VALID = yaml.safe_dump(SUBNET).encode()
# Aliases of aliases: 10 ** 20 items when they are written out, or merged.
BOMBS = [
    f'- &a0 {start}\n'
    + ''.join(
        '- &a{} {}\n'.format(i, wrap.format(', '.join([f'*a{i - 1}'] * 10)))
        for i in range(1, 21)
    )
    for start, wrap in (('[x]', '[{}]'), ('{x: y}', '{{{{<<: [{}]}}}}'))
]
# What YAML gives a meaning to, and pieces of a valid file.
PIECES = st.sampled_from(
    [
        *'[]{}:,?-&*!|>%@#"\'\n \t0x',
        *('!!int', '!!float', '!!bool', '!!timestamp', '!!binary', '!!set', '!!omap'),
        *(
            '&a',
            '*a',
            '<<',
            '---',
            '2026-99-99',
            '12:99',
            'chosen',
            '.nan',
            '0b',
            '"\\',
        ),
        *(
            '!!python/object/apply:os.getcwd []',
            'chosen: ',
            '\ud7ff',
            '\x00',
            '1' * 5000,
        ),
        *(
            f'{block}: {{chosen: {entry["chosen"]}}}\n'
            for block, entry in SUBNET.items()
        ),
    ]
)
CHANGED = st.tuples(
    st.integers(0, len(VALID)), st.integers(0, 30), st.binary(max_size=20)
).map(lambda c: VALID[: c[0]] + c[2] + VALID[c[0] + c[1] :])


def child_of(subnet):
    """The child of the small search."""
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        return sub_model(ARCHITECTURE, subnet)


def test_the_valid_file_gives_a_child(tmp_path):
    (tmp_path / 'subnet.yaml').write_bytes(VALID)
    child = child_of(tmp_path / 'subnet.yaml')
    assert 'layers.1.0._candidates.OfficialShuffleXception' in dict(
        child.backbone.named_modules()
    )


@given(
    st.one_of(
        CHANGED,
        st.binary(max_size=200),
        st.lists(PIECES, max_size=20).map(lambda pieces: ''.join(pieces).encode()),
    )
)
@example(BOMBS[0].encode())
@example(BOMBS[1].encode())
@example(b'[' * 10**5)
@example(b'2026-99-99: x')
@example(b'a: !!timestamp x')
@example(b'a: !!bool x')
@example(b'a: !!int ""')
@example(b'a: ' + b'1' * 5000)
@example(b'&a {a: *a}')
def test_files(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'subnet.yaml'
    path.write_bytes(content)
    with answered():
        child_of(str(path))


@given(
    st.one_of(
        values,
        st.dictionaries(
            st.sampled_from([*SUBNET, 'architecture.backbone.layers.0.0', 'x', '']),
            st.one_of(values, st.fixed_dictionaries(dict(chosen=values))),
        ),
    )
)
@example('~no-such-user/subnet.yaml')
@example('x' * 5000)
@example('\0')
@example('\ud800')
def test_what_a_config_gives(subnet):
    with answered():
        read_subnet(subnet)
    with answered():
        child_of(subnet)
