"""First frames and footage: what in Blender becomes which file."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_transpixar.bl import compat
from blender_transpixar.bl.inputs import RequestFiles, inputs_for
from blender_transpixar.core.errors import InvalidRequestError
from blender_transpixar.core.request import ClipRequest
from tests.blender.rendering import set_up


@pytest.fixture
def settings(blender: None) -> bpy.types.PropertyGroup:
    return bpy.context.scene.transpixar


def pixels_of(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    pixels = np.array(image.pixels[:]).reshape(height, width, 4)  # (height * width * 4,) -> rows, columns, RGBA
    bpy.data.images.remove(image)
    return pixels


def a_cube_in_view(scene: bpy.types.Scene) -> None:
    set_up(scene, samples=1)
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=(0.0, 0.0, 0.5))


def what_is_wrong(values: object) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        inputs_for(bpy.context, values)
    return caught.value.message


def test_without_sources_there_are_no_files(settings: bpy.types.PropertyGroup):
    assert inputs_for(bpy.context, settings) == RequestFiles(None, None)


def test_an_image_keeps_its_colours_and_its_alpha(settings: bpy.types.PropertyGroup):
    painted = np.random.default_rng(0).integers(0, 256, (8, 8, 4)) / 255.0
    image = bpy.data.images.new("Painted", 8, 8, alpha=True)
    image.pixels.foreach_set(painted.astype(np.float32).ravel())  # (8, 8, 4) -> (256,)
    settings.first_frame_source, settings.first_frame_image = "IMAGE", image
    path = inputs_for(bpy.context, settings).first_frame
    visible = painted[..., 3] > 0.2
    np.testing.assert_allclose(pixels_of(path)[visible], painted[visible], atol=3 / 255)
    assert inputs_for(bpy.context, settings).first_frame == path
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]


def test_the_camera_s_view_is_rendered_as_large_as_the_clip_and_the_scene_stays(settings: bpy.types.PropertyGroup):
    scene = bpy.context.scene
    a_cube_in_view(scene)
    scene.render.film_transparent = False
    scene.render.filepath = "//mine"
    settings.width, settings.height = 48, 32
    settings.first_frame_source = "CAMERA"
    alpha = pixels_of(inputs_for(bpy.context, settings).first_frame)[..., 3]
    assert alpha.shape == (32, 48)
    assert (alpha[16, 24], alpha[0, 0]) == (1.0, 0.0)
    assert (scene.render.filepath, scene.render.resolution_x, scene.render.film_transparent) == ("//mine", 64, False)
    assert [each.name for each in bpy.data.scenes] == ["Scene"]


def test_the_render_result_is_not_lost_to_the_camera_s_still(settings: bpy.types.PropertyGroup):
    a_cube_in_view(bpy.context.scene)
    bpy.ops.render.render()
    settings.first_frame_source = "RENDER"
    before = inputs_for(bpy.context, settings).first_frame
    assert pixels_of(before).shape == (64, 64, 4)
    settings.width, settings.height, settings.first_frame_source = 32, 32, "CAMERA"
    assert pixels_of(inputs_for(bpy.context, settings).first_frame).shape == (32, 32, 4)
    settings.first_frame_source = "RENDER"
    assert inputs_for(bpy.context, settings).first_frame == before


def test_files_may_be_given_relative_to_the_blend_file(settings: bpy.types.PropertyGroup, tmp_path: Path):
    (tmp_path / "plate.mp4").write_bytes(b"a video, as far as Blender is concerned")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    settings = bpy.context.scene.transpixar
    settings.footage_source, settings.footage_file = "FILE", "//plate.mp4"
    assert inputs_for(bpy.context, settings) == RequestFiles(footage=tmp_path / "plate.mp4")


@pytest.fixture
def movie(settings: bpy.types.PropertyGroup, tmp_path: Path) -> Path:
    """A video of six frames, by Blender itself."""
    scene = bpy.context.scene
    set_up(scene, samples=1)
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.frame_end = 6
    if bpy.app.version >= (5, 0, 0):
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    scene.render.filepath = str(tmp_path / "plate.mkv")
    scene.render.use_file_extension = False
    bpy.ops.render.render(animation=True)
    return next(tmp_path.glob("plate*"))


def test_footage_is_the_file_of_a_movie_clip_or_of_the_active_strip(settings: bpy.types.PropertyGroup, movie: Path):
    settings.footage_source, settings.footage_clip = "MOVIE_CLIP", bpy.data.movieclips.load(str(movie))
    assert inputs_for(bpy.context, settings) == RequestFiles(footage=movie)
    settings.footage_source = "STRIP"
    assert "Select a movie strip" in what_is_wrong(settings)
    editor = bpy.context.scene.sequence_editor_create()
    editor.active_strip = compat.strips(editor).new_movie("Plate", str(movie), channel=1, frame_start=1)
    assert inputs_for(bpy.context, settings) == RequestFiles(footage=movie)


def test_footage_begins_where_the_strip_does(settings: bpy.types.PropertyGroup, movie: Path):
    editor = bpy.context.scene.sequence_editor_create()
    strip = editor.active_strip = compat.strips(editor).new_movie("Plate", str(movie), channel=1, frame_start=1)
    settings.footage_source, settings.footage_start = "STRIP", 1
    strip.frame_offset_start = 3
    assert inputs_for(bpy.context, settings) == RequestFiles(footage=movie, footage_start=3)
    strip.animation_offset_start = 2
    assert inputs_for(bpy.context, settings) == RequestFiles(footage=movie, footage_start=5)
    assert not bpy.data.movieclips, "it was looked at, not kept"


def test_footage_from_a_file_begins_where_the_panel_says(settings: bpy.types.PropertyGroup, movie: Path):
    settings.footage_source, settings.footage_file, settings.footage_start = "FILE", str(movie), 4
    files = inputs_for(bpy.context, settings)
    assert files == RequestFiles(footage=movie, footage_start=4)
    assert files.added_to(ClipRequest("fire")).to_json() == {
        "prompt": "fire",
        "negative_prompt": "",
        "footage_start": 4,
    }


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"first_frame_source": "IMAGE"}, "Choose the image"),
        ({"first_frame_source": "FILE"}, "Choose the image file"),
        ({"first_frame_source": "FILE", "first_frame_file": "/nowhere/a.png"}, "a.png"),
        ({"first_frame_source": "CAMERA"}, "no camera"),
        ({"footage_source": "FILE"}, "Choose the video file"),
        ({"footage_source": "MOVIE_CLIP"}, "Choose the movie clip"),
        ({"footage_source": "STRIP"}, "Select a movie strip"),
        ({"first_frame_source": "CAMERA", "footage_source": "STRIP"}, "not both"),
    ],
)
def test_what_is_missing_is_a_sentence(settings: bpy.types.PropertyGroup, chosen: dict, sentence: str):
    for name, value in chosen.items():
        setattr(settings, name, value)
    assert sentence in what_is_wrong(settings)


def test_an_image_without_a_picture_is_named(settings: bpy.types.PropertyGroup):
    image = bpy.data.images.new("Lost", 8, 8)
    image.source, image.filepath = "FILE", "/nowhere/lost.png"
    settings.first_frame_source, settings.first_frame_image = "IMAGE", image
    assert "its file is missing" in what_is_wrong(settings)
    image.source = "SEQUENCE"
    assert "single image" in what_is_wrong(settings)


def test_an_operator_s_arguments_go_before_the_panel(settings: bpy.types.PropertyGroup, tmp_path: Path):
    picture = tmp_path / "a.png"
    picture.touch()
    settings.first_frame_source = "CAMERA"
    asked = SimpleNamespace(first_frame_source="FILE", first_frame_file=str(picture), footage_source="NONE")
    assert inputs_for(bpy.context, asked) == RequestFiles(first_frame=picture)
