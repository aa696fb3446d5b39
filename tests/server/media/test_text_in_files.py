"""What is written about a clip is Unicode in every format that can hold it, also for other programs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.media.clip_reader import open_clip
from server.media.formats import FORMATS, export
from tests.server.media.made_streams import effect, read, stream_of

PROMPT = "Öl, 火 und 🔥; 50 % = \"viel\" 'zu' viel\\\nzweite Zeile #2"


@pytest.mark.parametrize("format", [name for name in FORMATS if not name.startswith("matte")])
def test_a_prompt_of_any_letters(tmp_path: Path, format: str) -> None:
    clip = stream_of(effect(32, 24, 2), metadata={"prompt": PROMPT, "seed": "7"})
    path = export(clip, format, tmp_path / ("clip" + FORMATS[format].suffix))
    again = open_clip(path)

    assert again.info.metadata == {"prompt": PROMPT, "seed": "7"}
    assert read(again).shape == (2, 24, 32, 4)


@pytest.mark.parametrize(
    ("format", "name"), [("png8", "0001.png"), ("png16", "0001.png"), ("sprite-sheet", "sheet.png")]
)
def test_other_programs_read_the_text_of_a_png(tmp_path: Path, format: str, name: str) -> None:
    frames = effect(32, 24, 1)
    for prompt in (PROMPT, "plain"):
        clip = stream_of(frames, metadata={"prompt": prompt})
        path = export(clip, format, tmp_path / "clip", force=True) / name
        with Image.open(path) as image:
            image.load()
            assert image.text["prompt"] == prompt
            assert image.text["alpha_mode"] == "straight"
        np.testing.assert_allclose(read(open_clip(path if name != "sheet.png" else path.parent)), frames, atol=1e-6)
