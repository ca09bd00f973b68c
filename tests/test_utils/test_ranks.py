from mmdsnas.utils import ranks
from mmdsnas.utils.ranks import on_rank_0


def test_a_call_inside_another_asks_no_other_rank(monkeypatch):
    """They wait for the answer of the outer one."""
    asked = []
    monkeypatch.setattr(ranks, 'broadcast_object_list', asked.append)
    assert on_rank_0(lambda: on_rank_0(lambda: 3, 'count') + 1, 'add') == 4
    assert asked == [[4, None]]
    # And a later one asks them again.
    assert on_rank_0(lambda: 5, 'count') == 5 and len(asked) == 2
