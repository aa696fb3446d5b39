"""Files dragged in from outside. Without a pointer the handlers' operator is called as Blender would call it."""

from pathlib import Path

import bpy
import pytest
from mathutils import Vector

from blender_transpixar.bl import compat
from blender_transpixar.bl.pointer import is_free, point_on_ground
from blender_transpixar.file_handlers import TRANSPIXAR_FH_clip, TRANSPIXAR_FH_sequence
from tests.addon.made_clips import write_clip


@pytest.fixture
def clip(blender: None, tmp_path: Path) -> Path:
    return write_clip(tmp_path)


@pytest.mark.parametrize("name", ["test-effect.transpixar", "0003.png"])
def test_a_sidecar_or_a_frame_becomes_a_plane(clip: Path, name: str):
    bpy.context.scene.frame_set(20)
    assert bpy.ops.transpixar.drop_clip(filepath=str(clip / name)) == {"FINISHED"}
    assert bpy.context.object.name == "test-effect"
    assert bpy.context.object.material_slots[0].material is not None


def test_in_the_sequencer_it_becomes_a_strip(clip: Path):
    bpy.context.scene.frame_set(20)
    assert bpy.ops.transpixar.drop_clip(filepath=str(clip / "0001.png"), place_as="STRIP") == {"FINISHED"}
    (strip,) = compat.all_strips(bpy.context.scene)
    assert compat.strip_range(strip)[0] == 20
    assert len(bpy.context.scene.objects) == 0


def test_any_numbered_sequence_with_alpha_will_do(clip: Path):
    (clip / "test-effect.transpixar").unlink()
    assert bpy.ops.transpixar.drop_clip(filepath=str(clip / "0003.png")) == {"FINISHED"}
    (image,) = [image for image in bpy.data.images if image.source == "SEQUENCE"]
    assert Path(image.filepath).name == "0001.png"


def test_many_frames_of_one_clip_are_placed_once(clip: Path):
    files = [{"name": f"{number:04d}.png"} for number in range(1, 6)]
    assert bpy.ops.transpixar.drop_clip(directory=f"{clip}/", files=files) == {"FINISHED"}
    assert len(bpy.context.scene.objects) == 1


def test_what_is_no_clip_is_a_sentence_and_the_others_are_placed(clip: Path):
    (clip.parent / "nothing.transpixar").write_text("{}")
    with pytest.raises(RuntimeError, match="does not describe a TransPixar clip"):
        bpy.ops.transpixar.drop_clip(filepath=str(clip.parent / "nothing.transpixar"))
    files = [{"name": "nothing.transpixar"}, {"name": f"{clip.name}/test-effect.transpixar"}]
    with pytest.raises(RuntimeError):
        bpy.ops.transpixar.drop_clip(directory=f"{clip.parent}/", files=files)
    assert len(bpy.context.scene.objects) == 1


@pytest.mark.parametrize("wanted", [False, True])
def test_pictures_are_claimed_only_if_the_artist_wants_that(clip: Path, preferences, wanted: bool):
    """Two handlers that want the same file make Blender ask which one is meant, at every picture."""
    assert not preferences.drop_pictures
    preferences.drop_pictures = wanted
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    for editor, theirs in (("VIEW_3D", "VIEW3D_FH_empty_image"), ("SEQUENCE_EDITOR", "SEQUENCER_FH_image_strip")):
        area.ui_type = editor
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            assert TRANSPIXAR_FH_clip.poll_drop(bpy.context)
            assert TRANSPIXAR_FH_clip.bl_file_extensions == ".transpixar"
            assert TRANSPIXAR_FH_sequence.poll_drop(bpy.context) == wanted
            other = next(cls for cls in bpy.types.FileHandler.__subclasses__() if cls.__name__ == theirs)
            assert ".png" in other.bl_file_extensions.split(";")
            assert other.poll_drop(bpy.context)
    area.ui_type = "TEXT_EDITOR"
    with bpy.context.temp_override(window=window, area=area):
        assert not TRANSPIXAR_FH_clip.poll_drop(bpy.context)


def test_it_stands_where_it_was_dropped_and_the_next_one_beside_it(clip: Path):
    other = write_clip(clip.parent / "second") / "test-effect.transpixar"
    files = [{"name": str(path.relative_to(clip.parent))} for path in (clip / "test-effect.transpixar", other)]
    arguments = {"directory": f"{clip.parent}/", "files": files, "location": (3.0, 1.0, 0.5)}
    assert bpy.ops.transpixar.drop_clip(**arguments) == {"FINISHED"}
    first, second = sorted(bpy.context.scene.objects, key=lambda plane: plane.name)
    assert tuple(first.location) == (3.0, 1.0, 0.5)
    assert abs(second.location.x - first.location.x) >= first.dimensions.x
    assert (second.location.y, second.location.z) == (1.0, 0.5)


def test_a_strip_begins_where_it_was_dropped(clip: Path):
    arguments = {"filepath": str(clip / "0001.png"), "place_as": "STRIP", "frame_start": 77, "channel": 3}
    assert bpy.ops.transpixar.drop_clip(**arguments) == {"FINISHED"}
    (strip,) = compat.all_strips(bpy.context.scene)
    assert (compat.strip_range(strip)[0], strip.channel) == (77, 3)
    end = compat.strip_range(strip)[1]
    taken = [
        is_free(bpy.context.scene, channel, frame) for channel, frame in ((3, 70), (3, end - 1), (3, end), (2, 70))
    ]
    assert taken == [False, False, True, True]


@pytest.mark.parametrize(
    ("origin", "direction", "expected"),
    [
        ((0, -10, 10), (0, 1, -1), (0, -1, 1)),
        ((5, 2, 1.5), (0, 0, -1), (5, 2, 1)),
        # Along the ground, or above the horizon: as far away as the cursor.
        ((3, -10, 4), (0, 1, 0), (3, 0, 4)),
        ((0, -10, 1), (0, 0.8, 0.6), (0, -3.6, 5.8)),
    ],
)
def test_beside_everything_it_stands_on_the_ground(origin: tuple, direction: tuple, expected: tuple):
    place = point_on_ground(Vector(origin), Vector(direction).normalized(), Vector((0.0, 0.0, 1.0)))
    assert tuple(place) == pytest.approx(expected, abs=1e-5)
