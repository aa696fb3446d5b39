from pathlib import Path

import pytest

from blender_transpixar.core.dropped import one_of_each


@pytest.mark.parametrize(
    ("dropped", "meant"),
    [
        (["a/x.transpixar"], ["a/x.transpixar"]),
        (["a/0001.png", "a/0002.png"], ["a/0001.png"]),
        (["a/fire_01.exr", "a/fire_02.exr", "a/smoke_01.exr"], ["a/fire_01.exr", "a/smoke_01.exr"]),
        (["a/shot2_1_rgb.png", "a/shot2_2_rgb.png", "a/shot3_1_rgb.png"], ["a/shot2_1_rgb.png", "a/shot3_1_rgb.png"]),
        (["a/0001.png", "b/0001.png"], ["a/0001.png", "b/0001.png"]),
        (["a/0001.png", "a/x.transpixar", "a/0002.png"], ["a/x.transpixar"]),
        ([], []),
    ],
)
def test_each_clip_is_meant_once(dropped: list[str], meant: list[str]):
    assert list(one_of_each(map(Path, dropped))) == list(map(Path, meant))
