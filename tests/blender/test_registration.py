"""The add-on comes and goes without a trace."""

from pathlib import Path

import bpy.utils.previews

from blender_transpixar.bl import previews, pump
from blender_transpixar.core.generation import Preview
from tests.addon.made_clips import write_clip
from tests.blender.tested_package import PACKAGE


def is_there() -> bool:
    return hasattr(bpy.types, "TRANSPIXAR_PT_generate") and hasattr(bpy.types.Scene, "transpixar")


def a_preview(folder: Path) -> Preview:
    path = folder / "preview"
    path.write_bytes(bytes(4 * 4 * 4))
    return Preview(path, width=4, height=4, step=1)


def what_blender_was_told() -> dict[str, list[str]]:
    """Everything of Blender's that an add-on can hang itself on."""
    handlers = bpy.app.handlers
    menus = [getattr(bpy.types, name) for name in dir(bpy.types) if "_MT_" in name or "_HT_" in name or "_PT_" in name]
    keymaps = bpy.context.window_manager.keyconfigs.addon.keymaps if bpy.context.window_manager.keyconfigs.addon else []
    return {
        "types": [name for name in dir(bpy.types) if "TRANSPIXAR" in name.upper()],
        "properties": [name for name in (*dir(bpy.types.Scene), *dir(bpy.types.WindowManager)) if "transpixar" in name],
        "operators": dir(bpy.ops.transpixar),
        "handlers": [
            f"{name}: {function}"
            for name in dir(handlers)
            if isinstance(getattr(handlers, name), list)
            for function in getattr(handlers, name)
        ],
        "menus": [
            # Blender keeps its own drawing among the functions once something was appended.
            f"{cls.__name__}: {drawn}"
            for cls in menus
            for drawn in getattr(cls.draw, "_draw_funcs", [])
            if not drawn.__module__.startswith("bl_ui")
        ],
        "keys": [f"{keymap.name}: {item.idname}" for keymap in keymaps for item in keymap.keymap_items],
        "presets": bpy.utils.preset_paths("transpixar/prompt"),
        "pictures": sorted(map(str, bpy.utils.previews._uuid_open)),
    }


def test_it_comes_and_goes_without_a_trace(tmp_path: Path):
    clip = write_clip(tmp_path)
    before = what_blender_was_told()
    for _ in range(2):
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        assert is_there()
        assert bpy.ops.transpixar.generate.poll()
        bpy.ops.transpixar.place_plane(filepath=str(clip))
        previews.picture_of(a_preview(tmp_path))
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not is_there()
        assert not bpy.app.timers.is_registered(pump.tick)
        assert what_blender_was_told() == before


def test_settings_are_saved_with_the_file(blender: None, tmp_path: Path):
    bpy.context.scene.transpixar.prompt = "blue sparks"
    bpy.context.scene.transpixar.seed = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.context.scene.transpixar.prompt = "something else"
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    settings = bpy.context.scene.transpixar
    assert (settings.prompt, settings.seed, settings.num_frames) == ("blue sparks", 0, 0)
