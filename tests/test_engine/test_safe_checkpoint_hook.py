import torch
from mmengine.logging import HistoryBuffer, MessageHub

from mmdsnas.engine import SafeCheckpointHook


def test_message_hub_survives_safe_loading(tmp_path):
    hub = MessageHub('before')
    for value in (1.0, 2.5):
        hub.update_scalar('train/loss', value, count=2)
    hub.update_info('epoch', 3)
    hub.update_info('metainfo', dict(classes=('a', 'b')))
    checkpoint = dict(message_hub=hub.state_dict(), meta=dict(seed=1), state_dict={})

    hook = SafeCheckpointHook()
    hook.before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'c.pth')
    loaded = torch.load(tmp_path / 'c.pth', weights_only=True)
    hook.after_load_checkpoint(None, loaded)

    other = MessageHub('after')
    other.load_state_dict(loaded['message_hub'])
    history = other.get_scalar('train/loss')
    assert isinstance(history, HistoryBuffer)
    for ours, theirs in zip(history.data, hub.get_scalar('train/loss').data):
        assert ours.tolist() == theirs.tolist()
    history.update(3.0)
    assert history.current() == 3.0
    assert other.get_info('epoch') == 3
    assert other.get_info('metainfo') == dict(classes=('a', 'b'))


def test_checkpoint_without_a_message_hub_is_left_alone():
    checkpoint = dict(state_dict={})
    SafeCheckpointHook().after_load_checkpoint(None, checkpoint)
    assert checkpoint == dict(state_dict={})
