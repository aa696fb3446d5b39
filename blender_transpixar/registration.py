"""Everything that Blender is told about, in order, and taken back in reverse."""

import bpy

from . import file_handlers, settings, translations
from .bl import (
    asset_drop,
    clip_queue,
    collect,
    known_clips,
    known_models,
    occupied,
    previews,
    pump,
    server,
    server_models,
    starter_run,
    work_folder,
)
from .bl.guard import guard_operator
from .finishing_properties import TransPixarFinishing
from .operators.accept_licences import TRANSPIXAR_OT_accept_licences
from .operators.add_prompt_preset import TRANSPIXAR_OT_add_prompt_preset
from .operators.build_starter_library import TRANSPIXAR_OT_build_starter_library
from .operators.cancel import TRANSPIXAR_OT_cancel
from .operators.cancel_delivery import TRANSPIXAR_OT_cancel_delivery
from .operators.cancel_starter_library import TRANSPIXAR_OT_cancel_starter_library
from .operators.collect_clips import TRANSPIXAR_OT_collect_clips
from .operators.delete_from_queue import TRANSPIXAR_OT_delete_from_queue
from .operators.dice_seed import TRANSPIXAR_OT_dice_seed
from .operators.drop_clip import TRANSPIXAR_OT_drop_clip
from .operators.export_clip import TRANSPIXAR_OT_export_clip
from .operators.finish_clip import TRANSPIXAR_OT_finish_clip
from .operators.fit_to_model import TRANSPIXAR_OT_fit_to_model
from .operators.generate import TRANSPIXAR_OT_generate
from .operators.keep_as_asset import TRANSPIXAR_OT_keep_as_asset
from .operators.load_model import TRANSPIXAR_OT_load_model, TRANSPIXAR_OT_unload_model
from .operators.look_again import TRANSPIXAR_OT_look_again
from .operators.open_online_access import TRANSPIXAR_OT_open_online_access
from .operators.open_preferences import TRANSPIXAR_OT_open_preferences
from .operators.place_from_queue import TRANSPIXAR_OT_place_from_queue
from .operators.place_in_compositor import TRANSPIXAR_OT_place_in_compositor
from .operators.place_plane import TRANSPIXAR_OT_place_plane
from .operators.place_strip import TRANSPIXAR_OT_place_strip
from .operators.regenerate import TRANSPIXAR_OT_regenerate
from .operators.register_library import TRANSPIXAR_OT_register_library
from .operators.retry_clip import TRANSPIXAR_OT_retry_clip
from .operators.reuse_settings import TRANSPIXAR_OT_reuse_settings
from .operators.set_size import TRANSPIXAR_OT_set_size
from .operators.show_clip_folder import TRANSPIXAR_OT_show_clip_folder
from .operators.show_placed import TRANSPIXAR_OT_show_placed
from .operators.show_server_log import TRANSPIXAR_OT_show_server_log
from .operators.standard_view import TRANSPIXAR_OT_use_standard_view
from .operators.start_at_current_frame import TRANSPIXAR_OT_start_at_current_frame
from .operators.start_server import TRANSPIXAR_OT_start_server
from .operators.stop_server import TRANSPIXAR_OT_stop_server
from .operators.use_raw_clip import TRANSPIXAR_OT_use_raw_clip
from .placement_properties import TransPixarPlacement
from .preferences import TransPixarPreferences
from .settings import TransPixarSettings
from .ui import (
    assets_section,
    finish_panel,
    inputs_section,
    menus,
    model_section,
    panel,
    placement_panel,
    prompt_presets,
    prompt_section,
    queue_panel,
    sampling_section,
    server_panel,
)
from .ui.prompt_presets import TRANSPIXAR_PT_prompt_presets
from .ui.size_menu import TRANSPIXAR_MT_size

_CLASSES = (
    TransPixarPreferences,
    TransPixarFinishing,
    TransPixarPlacement,
    TransPixarSettings,
    TRANSPIXAR_OT_generate,
    TRANSPIXAR_OT_cancel,
    TRANSPIXAR_OT_delete_from_queue,
    TRANSPIXAR_OT_place_from_queue,
    TRANSPIXAR_OT_show_placed,
    TRANSPIXAR_OT_retry_clip,
    TRANSPIXAR_OT_reuse_settings,
    TRANSPIXAR_OT_show_clip_folder,
    TRANSPIXAR_OT_place_plane,
    TRANSPIXAR_OT_place_strip,
    TRANSPIXAR_OT_place_in_compositor,
    TRANSPIXAR_OT_use_standard_view,
    TRANSPIXAR_OT_collect_clips,
    TRANSPIXAR_OT_finish_clip,
    TRANSPIXAR_OT_use_raw_clip,
    TRANSPIXAR_OT_export_clip,
    TRANSPIXAR_OT_cancel_delivery,
    TRANSPIXAR_OT_keep_as_asset,
    TRANSPIXAR_OT_register_library,
    TRANSPIXAR_OT_start_at_current_frame,
    TRANSPIXAR_OT_build_starter_library,
    TRANSPIXAR_OT_cancel_starter_library,
    TRANSPIXAR_OT_regenerate,
    TRANSPIXAR_OT_drop_clip,
    *file_handlers.CLASSES,
    TRANSPIXAR_OT_dice_seed,
    TRANSPIXAR_OT_set_size,
    TRANSPIXAR_OT_fit_to_model,
    TRANSPIXAR_OT_add_prompt_preset,
    TRANSPIXAR_OT_start_server,
    TRANSPIXAR_OT_stop_server,
    TRANSPIXAR_OT_look_again,
    TRANSPIXAR_OT_show_server_log,
    TRANSPIXAR_OT_open_preferences,
    TRANSPIXAR_OT_open_online_access,
    TRANSPIXAR_OT_accept_licences,
    TRANSPIXAR_OT_load_model,
    TRANSPIXAR_OT_unload_model,
    TRANSPIXAR_PT_prompt_presets,
    TRANSPIXAR_MT_size,
    *menus.CLASSES,
    # The sidebar, in the order in which its sections stand.
    *panel.PANELS,
    *prompt_section.PANELS,
    *model_section.PANELS,
    *sampling_section.PANELS,
    *inputs_section.PANELS,
    *placement_panel.PANELS,
    *queue_panel.PANELS,
    *finish_panel.PANELS,
    *assets_section.PANELS,
    *server_panel.PANELS,
)


def register() -> None:
    """Register all classes and the scene's settings."""
    translations.add_to_blender()
    for cls in _CLASSES:
        if issubclass(cls, bpy.types.Operator):
            guard_operator(cls)
        bpy.utils.register_class(cls)
    settings.add_to_scene()
    prompt_presets.offer_shipped_presets()
    menus.add_to_menus()
    asset_drop.add_handlers()
    work_folder.begin(at_end=clip_queue.begin)
    collect.add_handlers()
    known_clips.add_handlers()


def unregister() -> None:
    """End what runs first, then take everything back."""
    asset_drop.remove_handlers()
    collect.remove_handlers()
    known_clips.remove_handlers()
    work_folder.end()
    starter_run.forget()
    server.end()
    server_models.forget()
    known_models.forget()
    pump.stop()
    clip_queue.forget()
    occupied.forget()
    previews.clear()
    prompt_presets.withdraw_shipped_presets()
    menus.remove_from_menus()
    settings.remove_from_scene()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    translations.remove_from_blender()
