"""An artist's first minutes, in a real Blender window: from a prompt to a plane and a strip, with mouse and keyboard.

Run by test_window.py, or by hand:

    blender --enable-event-simulate --python tests/blender/window/drive.py -- SERVER_URL FOLDER

with the extension installed. FOLDER receives the pictures (where ImageMagick's `import` is installed), and
`report.json`, which says how far it came.
"""

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from shutil import which

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d

sys.path.insert(0, str(Path(__file__).parent))
from hand import REDRAW_S, Hand, Pauses

PACKAGE = "bl_ext.user_default.transpixar"
PROMPT = "orange fire"
SECTIONS = ("prompt", "model", "sampling", "inputs", "placement", "queue", "finish", "assets", "server")
PATIENCE_S = 240.0
SERVER_URL, FOLDER = sys.argv[-2], Path(sys.argv[-1])
steps: list[str] = []


def story() -> Pauses:
    """Everything that is done, in order."""
    set_the_scene()
    yield 1.0
    window = bpy.context.window_manager.windows[0]
    viewport = max(window.screen.areas, key=lambda area: area.width * area.height)
    sidebar = yield from open_tab(window, viewport)
    yield from picture("panel")
    yield from write_prompt(sidebar)
    yield from open_section(sidebar, "queue")
    yield from sidebar.press_button("transpixar.generate")
    yield from until(lambda: pump().current().preview is not None or not pump().is_busy(), "a preview is shown")
    yield from picture("generating")
    yield from until(lambda: not pump().is_busy() and planes(), "the plane stands in the scene")
    yield from look_at_the_clip(window, viewport)
    yield from picture("plane")
    yield from undo_and_place_again(window, viewport, sidebar)
    yield from in_the_sequencer(window, viewport)
    yield from picture("sequencer")


def set_the_scene() -> None:
    """What an artist has set up before: a server, and nothing in the way of the clip."""
    context = bpy.context
    context.preferences.addons[PACKAGE].preferences.server_address = SERVER_URL
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    context.scene.view_settings.view_transform = "Standard"


def open_tab(window: bpy.types.Window, area: bpy.types.Area) -> Pauses:
    """Open the sidebar with its key, choose the TransPixar tab, and pull the sidebar wider. Returns a hand on it."""
    middle = Hand(window, area, "WINDOW")
    yield from middle.move_to_middle()
    if not area.spaces[0].show_region_ui:
        yield from middle.press("N", "n")
        yield 1.0
    sidebar = Hand(window, area, "UI")
    region = sidebar.region
    for below_top in range(30, region.height, 20):
        if region.active_panel_category == "TransPixar":
            break
        yield from sidebar.move(region.x + region.width - 8, region.y + region.height - below_top)
        yield from sidebar.click()
    reached(region.active_panel_category == "TransPixar", f"the tab is open in the {area.type}")
    yield from sidebar.move(region.x, region.y + region.height // 8)
    yield from sidebar.drag(region.x - 110, sidebar.y)
    yield REDRAW_S
    return sidebar


def write_prompt(sidebar: Hand) -> Pauses:
    """Click into the field, replace what is there, confirm."""
    yield from sidebar.press_button("transpixar.prompt")
    yield from sidebar.press("A", ctrl=True)
    yield from sidebar.type(PROMPT)
    yield from sidebar.press("RET")
    yield REDRAW_S
    reached(bpy.context.scene.transpixar.prompt == PROMPT, "the prompt is written")


def open_section(sidebar: Hand, name: str) -> Pauses:
    """Click on the header of a section, while all are closed: they stand one below the other under Place Clip."""
    found = yield from sidebar.go_to("transpixar.place_plane")
    reached(found, f"Place Clip is there in the {sidebar.area.type}")
    unit = 20.0 * bpy.context.preferences.system.ui_scale
    below = unit * (1.5 + 1.25 * SECTIONS.index(name))
    yield from sidebar.move(sidebar.x, sidebar.y - round(below))
    yield from sidebar.click()


def look_at_the_clip(window: bpy.types.Window, area: bpy.types.Area) -> Pauses:
    """Show the clip in the middle of its time with its material, click on it, and come near with the numeric pad."""
    bpy.context.scene.frame_set(12)
    area.spaces[0].shading.type = "MATERIAL"
    view = Hand(window, area, "WINDOW")
    space = area.spaces[0].region_3d
    x, y = location_3d_to_region_2d(view.region, space, planes()[0].matrix_world.translation)
    yield from view.move(view.region.x + round(x), view.region.y + round(y))
    yield from view.click()
    yield from view.press("NUMPAD_PERIOD")
    yield 4.0
    reached(bpy.context.object in planes(), "a click selects the plane")


def undo_and_place_again(window: bpy.types.Window, area: bpy.types.Area, sidebar: Hand) -> Pauses:
    """Ctrl-Z takes the plane away; the clip is still in the queue, from where it is placed again."""
    area.spaces[0].shading.type = "SOLID"
    view = Hand(window, area, "WINDOW")
    yield from view.move_to_middle()
    for _ in range(5):
        if not planes():
            break
        yield from view.press("Z", "z", ctrl=True)
        yield 1.0
    reached(not planes(), "undo takes the plane away")
    yield from sidebar.press_button("transpixar.place_from_queue", across=0.2)
    yield from until(lambda: bool(planes()), "the clip is placed again from the queue")
    yield 2.0


def in_the_sequencer(window: bpy.types.Window, area: bpy.types.Area) -> Pauses:
    """Turn the viewport into a sequencer and place the clip there."""
    area.type = "SEQUENCE_EDITOR"
    area.spaces[0].view_type = "SEQUENCER_PREVIEW"
    bpy.context.scene.transpixar.placement.place_as = "STRIP"
    bpy.context.scene.frame_set(1)
    yield 1.5
    sidebar = yield from open_tab(window, area)
    yield from open_section(sidebar, "queue")
    yield from sidebar.press_button("transpixar.place_from_queue", across=0.2)
    yield from until(lambda: bool(strips()), "the clip is a strip")
    bpy.context.scene.frame_set(12)
    yield 3.0


def planes() -> list[bpy.types.Object]:
    """The planes that show the clip."""
    return [found for found in bpy.context.scene.objects if found.type == "MESH"]


def strips() -> list[bpy.types.bpy_struct]:
    """What is in the sequencer."""
    editor = bpy.context.scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def pump():
    """The add-on's pump, which knows what is being made."""
    return sys.modules[f"{PACKAGE}.bl.pump"]


def until(is_so: Callable[[], bool], what: str) -> Pauses:
    """Look again and again until it is so. Raises AssertionError after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"Not reached: {what}"
        yield 0.1
    reached(True, what)


def reached(is_so: bool, what: str) -> None:
    """Write down what was reached. Raises AssertionError when it was not."""
    assert is_so, f"Not reached: {what}"
    steps.append(what)
    print(what, flush=True)


def picture(name: str) -> Pauses:
    """Take a picture of the whole screen, once it is drawn."""
    yield 1.0
    take_picture(name)


def take_picture(name: str) -> None:
    """Take a picture of the whole screen, as it is."""
    if which("import"):
        subprocess.run(["import", "-window", "root", str(FOLDER / f"{name}.png")], check=True)


def write_report(problem: str) -> None:
    """For the test outside, which cannot look into this Blender."""
    (FOLDER / "report.json").write_text(json.dumps({"steps": steps, "problem": problem}), encoding="utf-8")


_story = story()


def go_on() -> float:
    """The timer: go on with the story, and leave Blender at its end."""
    problem = ""
    try:
        return next(_story)
    except StopIteration:
        pass
    except Exception:
        problem = traceback.format_exc()
        print(problem, flush=True)
        take_picture("problem")
    write_report(problem)
    pump().stop()
    sys.stdout.flush()
    os._exit(bool(problem))


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(go_on, first_interval=2.0, persistent=True)
