"""What Blender makes of every hand-off format that it reads."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.blender.handed_off import write_all

Frames = NDArray[np.float32]

# The largest differences from the source, in 1/255: of alpha, and of colour times alpha.
SEQUENCES = {"png8": (0.1, 0.1), "png16": (0.1, 0.1), "exr": (0.1, 0.2)}
MOVIES = {
    "ffv1.mkv": (0.1, 0.1),
    "qtrle.mov": (0.1, 0.1),
    "prores4444.mov": (1.0, 3.0),
    "webm.webm": (0.1, 20.0),
    "webm-small.webm": (24.0, 24.0),
}
# By the first version that reads it rightly, and what the ones before it do.
NEWER = {
    "prores4444.mov": ((4, 5, 0), "Blender 4.2 takes every movie for straight"),
    "webm.webm": ((4, 5, 0), "Blender 4.2 reads no alpha of VP9"),
    "webm-small.webm": ((4, 5, 0), "Blender 4.2 reads no alpha of VP9"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Frames]:
    """A folder with the same clip in every format, and its frames."""
    folder = tmp_path_factory.mktemp("handed-off")
    return folder, write_all(folder)


@pytest.fixture
def scene(files: tuple[Path, Frames]) -> bpy.types.Scene:
    """An empty sequencer of the clip's size whose renders are straight RGBA as they are."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    _, scene.render.resolution_y, scene.render.resolution_x, _ = files[1].shape
    scene.render.fps = 24
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "16"
    return scene


def strips_of(scene: bpy.types.Scene):
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def pixels_of(image: bpy.types.Image) -> Frames:
    """(H, W, 4), rows from the top."""
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def rendered(scene: bpy.types.Scene, frame: int, path: Path) -> Frames:
    """A frame of the sequencer: straight, display-encoded (H, W, 4)."""
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path), check_existing=False)
    # So that the 16 bits come as they are stored.
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    return pixels_of(image)


def assert_alike(shown: Frames, frame: Frames, bounds: tuple[float, float]) -> None:
    alpha, colour = bounds
    assert np.abs(shown[..., 3] - frame[..., 3]).max() * 255 <= alpha
    assert np.abs(shown[..., :3] * shown[..., 3:] - frame[..., :3] * frame[..., 3:]).max() * 255 <= colour


@pytest.mark.parametrize("name", SEQUENCES)
def test_image_sequences_in_the_sequencer(
    scene: bpy.types.Scene, files: tuple[Path, Frames], tmp_path: Path, name: str
) -> None:
    folder, frames = files
    paths = sorted((folder / name).iterdir())
    strip = strips_of(scene).new_image("clip", str(paths[0]), 1, 1, fit_method="ORIGINAL")
    for path in paths[1:]:
        strip.elements.append(path.name)
    strip.use_float = True

    assert strip.alpha_mode == ("PREMUL" if name == "exr" else "STRAIGHT")
    for number, frame in enumerate(frames, start=1):
        assert_alike(rendered(scene, number, tmp_path / "out.png"), frame, SEQUENCES[name])


@pytest.mark.parametrize("name", MOVIES)
def test_movies_in_the_sequencer(scene: bpy.types.Scene, files: tuple[Path, Frames], tmp_path: Path, name: str) -> None:
    first_version, reason = NEWER.get(name, ((0, 0, 0), ""))
    if bpy.app.version < first_version:
        pytest.skip(reason)
    folder, frames = files
    strip = strips_of(scene).new_movie("clip", str(folder / name), 1, 1, fit_method="ORIGINAL")

    duration = strip.duration if hasattr(strip, "duration") else strip.frame_final_duration
    assert (duration, strip.fps) == (len(frames), 24)
    for number, frame in enumerate(frames, start=1):
        assert_alike(rendered(scene, number, tmp_path / "out.png"), frame, MOVIES[name])


@pytest.mark.skipif(bpy.app.version >= (4, 5, 0), reason="later versions read movies of more than 8 bits otherwise")
def test_straight_prores_is_for_the_version_that_takes_it_so(
    scene: bpy.types.Scene, files: tuple[Path, Frames], tmp_path: Path
) -> None:
    folder, frames = files
    strips_of(scene).new_movie("clip", str(folder / "prores4444-straight.mov"), 1, 1, fit_method="ORIGINAL")

    for number, frame in enumerate(frames, start=1):
        assert_alike(rendered(scene, number, tmp_path / "out.png"), frame, MOVIES["prores4444.mov"])


@pytest.mark.parametrize("name", ["png8/0002.png", "png16/0002.png", "exr/0002.exr"])
def test_single_frames_as_images(scene: bpy.types.Scene, files: tuple[Path, Frames], name: str) -> None:
    folder, frames = files
    image = bpy.data.images.load(str(folder / name))

    assert image.alpha_mode == ("PREMUL" if name.endswith("exr") else "STRAIGHT")
    assert image.colorspace_settings.name == ("Linear Rec.709" if name.endswith("exr") else "sRGB")
    np.testing.assert_allclose(pixels_of(image)[..., 3], frames[1, ..., 3], atol=3e-4)
    if name.startswith("png8"):
        np.testing.assert_allclose(pixels_of(image), frames[1], atol=1e-6)
    else:
        # Deep images come as linear light, premultiplied.
        np.testing.assert_allclose(
            pixels_of(image)[..., :3], linear(frames[1, ..., :3]) * frames[1, ..., 3:], atol=1e-3
        )


def test_a_sprite_sheet_is_a_straight_image(scene: bpy.types.Scene, files: tuple[Path, Frames]) -> None:
    folder, frames = files
    sheet = bpy.data.images.load(str(folder / "sprite-sheet" / "sheet.png"))
    _, height, width, _ = frames.shape

    assert sheet.alpha_mode == "STRAIGHT"
    np.testing.assert_allclose(pixels_of(sheet)[:height, :width], frames[0], atol=1e-6)


@pytest.mark.parametrize("name", ["matte", "matte-movie.mov"])
def test_a_matte_is_the_alpha_in_grey(
    scene: bpy.types.Scene, files: tuple[Path, Frames], tmp_path: Path, name: str
) -> None:
    folder, frames = files
    if name == "matte":
        strips_of(scene).new_image("matte", str(folder / name / "0001.png"), 1, 1, fit_method="ORIGINAL")
    else:
        strips_of(scene).new_movie("matte", str(folder / name), 1, 1, fit_method="ORIGINAL")
    shown = rendered(scene, 1, tmp_path / "out.png")

    for channel in range(3):
        np.testing.assert_allclose(shown[..., channel], frames[0, ..., 3], atol=1 / 255)


def linear(encoded: Frames) -> Frames:
    """Display-encoded sRGB values as linear light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
