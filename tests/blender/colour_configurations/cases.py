"""What has to hold in a studio's colour configuration; test_colour_configurations.py runs it with OCIO set.

NEUTRAL_VIEW is the view of the configuration that shows colours as they are.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_transpixar.bl.colour_spaces import neutral_view
from blender_transpixar.bl.stills import image_still
from blender_transpixar.bl.view_transform import changes_colours
from tests.addon.made_clips import png
from tests.blender.over import BACKGROUNDS, DISC, disc, over_in_linear_light, write_disc
from tests.blender.rendering import SIZE, fill_background, render, set_up

COLOUR = (255, 200, 90)
NEUTRAL = os.environ["NEUTRAL_VIEW"]
IS_KNOWN = NEUTRAL == "Un-tone-mapped"


@pytest.fixture
def scene(blender: None) -> Iterator[bpy.types.Scene]:
    scene = bpy.context.scene
    set_up(scene, samples=1, view=NEUTRAL)
    scene.frame_set(1)
    yield scene
    assert bpy.context.scene.view_settings.view_transform == NEUTRAL


def check_disc(pixels: np.ndarray) -> None:
    """The disc in the middle of a transparent picture has its colours and its alpha."""
    low = (SIZE - DISC) // 2
    shown, cover = pixels[low : low + DISC, low : low + DISC], disc()
    assert abs(shown[..., 3] - cover).max() <= 3 / 255
    wrong = abs(shown[..., :3] - np.array(COLOUR) / 255) * cover[..., None]
    assert wrong.max() <= 3 / 255
    assert pixels[:low, :, 3].max() == 0.0


def test_a_plane_over_a_background_has_the_clips_colours(scene: bpy.types.Scene, tmp_path: Path):
    fill_background(scene, BACKGROUNDS[0])
    clip = write_disc(tmp_path, COLOUR)
    height = DISC / SIZE
    bpy.context.scene.cursor.location = (0.0, 0.0, 0.5 - height / 2)
    assert bpy.ops.transpixar.place_plane(filepath=str(clip), height=height) == {"FINISHED"}
    low = (SIZE - DISC) // 2
    pixels = render(scene, 1, tmp_path / "out.png")[low : low + DISC, low : low + DISC, :3]
    expected = over_in_linear_light(disc(), tuple(value / 255 for value in COLOUR), BACKGROUNDS[0])
    assert abs(pixels - expected).max() <= 3 / 255


def test_a_strip_has_the_clips_colours(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_disc(tmp_path, COLOUR)
    assert bpy.ops.transpixar.place_strip(filepath=str(clip), fit_method="ORIGINAL") == {"FINISHED"}
    check_disc(render(scene, 1, tmp_path / "out.png"))


def test_in_the_compositor_it_has_the_clips_colours(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_disc(tmp_path, COLOUR)
    assert bpy.ops.transpixar.place_in_compositor(filepath=str(clip), fit_method="ORIGINAL") == {"FINISHED"}
    check_disc(render(scene, 1, tmp_path / "out.png"))


def test_it_can_be_kept_as_an_asset(scene: bpy.types.Scene, preferences, tmp_path: Path):
    preferences.library_folder = str(tmp_path / "library")
    assert bpy.ops.transpixar.keep_as_asset(filepath=str(write_disc(tmp_path, COLOUR))) == {"FINISHED"}


def test_the_neutral_view_is_offered_where_it_is_known_and_then_works(scene: bpy.types.Scene):
    film = "ACES 1.0 - SDR Video" if IS_KNOWN else "house_film"
    assert not changes_colours(scene)
    scene.view_settings.view_transform = film
    assert changes_colours(scene) == IS_KNOWN
    assert neutral_view(scene) == (NEUTRAL if IS_KNOWN else None)
    assert bpy.ops.transpixar.use_standard_view.poll() == IS_KNOWN
    if IS_KNOWN:
        assert bpy.ops.transpixar.use_standard_view() == {"FINISHED"}
    scene.view_settings.view_transform = NEUTRAL


def test_a_first_frame_is_taken_as_it_is(scene: bpy.types.Scene, tmp_path: Path):
    path = tmp_path / "picture.png"
    path.write_bytes(png(8, 4, lambda x, y: (30 * x, 200, 60 * y, 255 - 20 * x)))
    image = bpy.data.images.load(str(path))
    # In the studio's own space for textures, whatever its role for new images is.
    image.colorspace_settings.name = "sRGB - Texture" if IS_KNOWN else "house_paint"
    image.alpha_mode = "STRAIGHT"
    still = bpy.data.images.load(str(image_still(image)))
    before, after = (np.array(each.pixels[:]).reshape(-1, 4) for each in (image, still))
    assert abs(before - after).max() <= 3 / 255
