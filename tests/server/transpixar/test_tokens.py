import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from server.transpixar.tokens import TokenLayout


@given(text=st.integers(0, 300), stream=st.integers(1, 300))
def test_the_parts_tile_the_sequence(text, stream):
    layout = TokenLayout(text, stream)
    sequence = list(range(layout.length))
    assert sequence[layout.text] + sequence[layout.rgb] + sequence[layout.alpha] == sequence
    assert sequence[layout.text] + sequence[layout.video] == sequence
    assert sequence[layout.text_and_rgb] + sequence[layout.alpha] == sequence
    assert len(sequence[layout.rgb]) == len(sequence[layout.alpha]) == stream


def test_the_layout_is_read_off_the_tokens():
    assert TokenLayout.of(torch.zeros(2, 5, 8), torch.zeros(2, 14, 8)) == TokenLayout(text_length=5, stream_length=7)


def test_an_odd_number_of_video_tokens_is_refused():
    with pytest.raises(ValueError, match="13 video tokens do not split"):
        TokenLayout.of(torch.zeros(2, 5, 8), torch.zeros(2, 13, 8))
