from mmdsnas.utils.tables import child_table, metric_lines


def test_table_is_made_from_the_meta_alone():
    block = dict(candidate='a', probability=0.25, mflops=1.5, mparams=0.5)
    meta = dict(
        blocks={'x.0': block, 'x.1': dict(block, candidate='b', mflops=2.0)},
        mflops=4.0,
        mparams=1.0,
        metrics={'accuracy/top1': 12.345},
    )
    rows = [line.split() for line in child_table(meta, ['file']).splitlines()]
    assert ['x.0', 'a', '0.250', '1.500', '0.500'] in rows
    assert ['x.1', 'b', '0.250', '2.000', '0.500'] in rows
    assert ['the', 'rest', '0.500', '0.000'] in rows
    assert ['child', '4.000', '1.000'] in rows
    assert ['accuracy/top1:', '12.35'] in rows or ['accuracy/top1:', '12.34'] in rows
    assert ['file'] in rows


def test_metrics_that_are_no_numbers():
    assert metric_lines(dict(a=1.23456, b=[1, 2]), 3) == ['a: 1.235', 'b: [1, 2]']
