"""An artist's first hour, by mouse and keyboard in a real window: what is clicked is what is there afterwards."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.window.blender_window import BlenderWindow

CLIPS = "[each for each in bpy.context.scene.objects if 'transpixar_request' in each]"
SECTIONS = ("prompt", "model", "sampling", "inputs", "placement", "queue", "finish", "assets", "server")


def write_prompt(window: BlenderWindow, prompt: str) -> None:
    """Click into the field, replace what is there, confirm."""
    window.push("transpixar.prompt")
    window.press("A", ctrl=True)
    window.type(prompt)
    window.press("RET")
    window.pause()
    assert window.ask("bpy.context.scene.transpixar.prompt") == prompt


def generate(window: BlenderWindow, prompt: str = "orange fire") -> None:
    """Write a prompt, press the button, and wait until the clip stands in the scene."""
    before = window.ask(f"len({CLIPS})")
    write_prompt(window, prompt)
    window.push("transpixar.generate")
    window.until(f"len({CLIPS}) > {before}", "the clip stands in the scene")
    window.pause(1.0)


@contextmanager
def section(window: BlenderWindow, name: str, editor: str = "VIEW_3D") -> Iterator[None]:
    """A section is open, by clicks on its header; all are closed before, one below the other under Place Clip."""
    _click_header(window, name, editor)
    yield
    window.move_to_middle(editor, "UI")
    window.scroll(-60)
    _click_header(window, name, editor)


def _click_header(window: BlenderWindow, name: str, editor: str) -> None:
    assert window.find("transpixar.place_", editor), "Place Clip is there"
    unit = 20.0 * window.ask("bpy.context.preferences.system.ui_scale")
    window.move(window.x, window.y - round(unit * (1.5 + 1.25 * SECTIONS.index(name))))
    window.click()


def viewport(window: BlenderWindow, name: str) -> np.ndarray:
    """The picture of the 3D viewport without its sidebar: (height, width, 3) in 0..255."""
    picture = window.picture(name)
    assert picture is not None
    left, bottom, width, height = window.ask("box('VIEW_3D', 'WINDOW')")
    right = window.ask("box('VIEW_3D', 'UI')")[0]
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    return pixels[len(pixels) - bottom - height : len(pixels) - bottom, left : min(right, left + width)]


def orange(pixels: np.ndarray) -> float:
    """The share of pixels that are as orange as fire."""
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return float(((red > 150) & (red > blue + 60) & (green < red)).mean())


def until_orange(window: BlenderWindow, name: str) -> None:
    """Look until fire is seen: Blender compiles its shaders first."""
    deadline = time.monotonic() + 60
    while orange(viewport(window, name)) < 0.02:
        assert time.monotonic() < deadline, "no fire is seen in the viewport"


@pytest.fixture
def placed(window: BlenderWindow) -> BlenderWindow:
    """An orange fire that was generated, in Material Preview."""
    generate(window)
    window.push("transpixar.show_placed")
    until_orange(window, "placed")
    return window


def test_a_preset_is_applied_by_a_click_and_none_is_deleted(window: BlenderWindow):
    folder = "bpy.utils.user_resource('SCRIPTS', path='presets/transpixar/prompt', create=True)"
    own = "import bpy\nbpy.context.scene.transpixar.prompt = 'my ghost'\n"
    window.ask(f"import pathlib\npathlib.Path({folder}, 'A_Ghost.py').write_text({own!r})")
    files = f"sorted(path.name for path in pathlib.Path({folder}).glob('*.py'))"
    for below, prompt in ((38, "my ghost"), (58, None)):
        open_presets(window)
        window.picture(f"presets {below}")
        window.move(window.x - 20, window.y - below)
        window.click()
        found = window.ask("bpy.context.scene.transpixar.prompt")
        assert found == prompt if prompt else found not in ("", "my ghost")
        window.move_to_middle("VIEW_3D")
        window.press("ESC")
        window.pause()
        assert window.ask(files) == ["A_Ghost.py"]
    window.ask(f"pathlib.Path({folder}, 'A_Ghost.py').unlink()")


def open_presets(window: BlenderWindow) -> None:
    """Click the button at the right of the prompt."""
    assert window.find("transpixar.prompt")
    left, _, width, _ = window.ask("box('VIEW_3D', 'UI')")
    window.move(left + round(width * 0.86), window.y)
    window.click()


def test_the_first_clip_is_seen_at_once_and_in_its_colours_after_show(window: BlenderWindow):
    before = viewport(window, "default scene")
    generate(window)
    after = viewport(window, "first clip")
    # A plane of a third of the view's height, at the least.
    assert (abs(after - before).max(axis=-1) > 20).mean() > 0.04
    assert window.ask(f"bpy.context.object in {CLIPS} and bpy.context.object.select_get()")
    window.push("transpixar.show_placed")
    until_orange(window, "first clip shown")


def test_the_next_clip_stands_beside_it(placed: BlenderWindow):
    generate(placed, "blue smoke")
    viewport(placed, "two clips")
    first, second = placed.ask(f"[list(each.location) for each in {CLIPS}]")
    assert np.linalg.norm(np.array(first) - second) > 1.0


def test_undo_takes_the_clip_away_and_the_queue_places_it_again(placed: BlenderWindow):
    placed.move_to_middle("VIEW_3D")
    for _ in range(5):
        if placed.ask(f"not {CLIPS}"):
            break
        placed.press("Z", "z", ctrl=True)
        placed.pause(1.0)
    assert placed.ask(f"not {CLIPS}")
    with section(placed, "queue"):
        placed.push("transpixar.place_from_queue", across=0.2)
        placed.until(f"len({CLIPS}) == 1", "the clip is placed again from the queue")
        placed.picture("queue")


def test_finishing_shows_the_finished_clip_and_the_raw_one_again(placed: BlenderWindow):
    shown = "[image.filepath for image in bpy.data.images if image.source == 'SEQUENCE' and image.users][0]"
    raw = placed.ask(shown)
    placed.ask("bpy.context.scene.transpixar.finishing.choke = 1.0")
    with section(placed, "finish"):
        placed.push("transpixar.finish_clip", across=0.5)
        placed.until(f"'_finished-' in {shown}", "the plane shows the finished clip")
        until_orange(placed, "finished")
        placed.push("transpixar.use_raw_clip", across=0.25)
        placed.until(f"{shown} == {raw!r}", "the plane shows the raw clip again")


def test_a_clip_is_dropped_under_the_mouse_from_the_file_browser(placed: BlenderWindow):
    folder = placed.ask(
        "import pathlib\n"
        "image = next(each for each in bpy.data.images if each.source == 'SEQUENCE')\n"
        "str(pathlib.Path(bpy.path.abspath(image.filepath)).parent)"
    )
    placed.ask("area('PROPERTIES').ui_type = 'FILES'")
    placed.pause(1.0)
    placed.ask(
        "space = area('FILE_BROWSER').spaces.active\n"
        f"space.params.directory = {folder!r}.encode()\n"
        "space.params.use_filter = False\nspace.params.filter_search = '.transpixar'\nspace.show_region_ui = False\n"
        "space.show_region_toolbar = False"
    )
    placed.pause(2.0)
    left, bottom, _, height = placed.ask("box('FILE_BROWSER', 'WINDOW')")
    placed.picture("file browser")
    placed.move(left + 14, bottom + height - 30)
    x, y, across, up = placed.ask("box('VIEW_3D', 'WINDOW')")
    target = x + across // 4, y + up // 3
    placed.drag(*target)
    placed.until(f"len({CLIPS}) == 2", "the clip is dropped")
    placed.picture("dropped")
    place = placed.ask(
        "from bpy_extras.view3d_utils import location_3d_to_region_2d\n"
        "list(location_3d_to_region_2d(region('VIEW_3D', 'WINDOW'), area('VIEW_3D').spaces[0].region_3d,"
        f" {CLIPS}[-1].matrix_world.translation))"
    )
    assert np.linalg.norm(np.array(place) - (across // 4, up // 3)) < 20


def test_a_narrow_sidebar_in_german(window: BlenderWindow):
    window.ask("bpy.context.preferences.view.language = 'de_DE'")
    try:
        window.pause(1.0)
        window.picture("german")
    finally:
        window.ask("bpy.context.preferences.view.language = 'en_US'")
