"""The library of kept clips: keeping, dragging in, the starter library, and making a clip again."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..bl import occupied, starter_run
from ..bl.asset_library import registered
from ..bl.starter_run import StarterRun
from ..bl.subject import subject
from ..operators.build_starter_library import TRANSPIXAR_OT_build_starter_library
from ..operators.cancel_starter_library import TRANSPIXAR_OT_cancel_starter_library
from ..operators.keep_as_asset import TRANSPIXAR_OT_keep_as_asset
from ..operators.regenerate import TRANSPIXAR_OT_regenerate
from ..operators.register_library import TRANSPIXAR_OT_register_library
from ..operators.start_at_current_frame import TRANSPIXAR_OT_start_at_current_frame
from .sections import Section, panels_of
from .sentence import draw_sentence


class AssetsSection(Section):
    """Clips as assets."""

    name = "assets"
    bl_label = "Assets"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what can be done with the clip, then the library."""
        layout = self.layout
        column = layout.column(align=True)
        row = column.row(align=True)
        row.enabled = subject(context) is not None
        row.operator(TRANSPIXAR_OT_keep_as_asset.bl_idname, icon="ASSET_MANAGER")
        row = column.row(align=True)
        again = row.operator(TRANSPIXAR_OT_regenerate.bl_idname, text="Regenerate", icon="FILE_REFRESH")
        again.seed = "NEW"
        again = row.operator(TRANSPIXAR_OT_regenerate.bl_idname, text="Same Seed")
        again.seed = "SAME"
        column.operator(TRANSPIXAR_OT_start_at_current_frame.bl_idname, icon="PLAY")
        layout.separator()
        if registered(context) is None:
            draw_sentence(layout, context, iface_("The library is not in the Asset Browser yet"), icon="INFO")
            layout.operator(TRANSPIXAR_OT_register_library.bl_idname, icon="ADD")
        _draw_starter(layout, context)


def _draw_starter(layout: Any, context: bpy.types.Context) -> None:
    run = starter_run.current()
    if run is None or run.finished:
        layout.operator(TRANSPIXAR_OT_build_starter_library.bl_idname, icon="RENDER_ANIMATION")
    else:
        layout.progress(factor=run.fraction, text=_doing(run))
        layout.operator(TRANSPIXAR_OT_cancel_starter_library.bl_idname, icon="CANCEL")
        if waits := occupied.reason(run.generation):
            draw_sentence(layout, context, waits, icon="TIME")
    if run is not None:
        for problem in run.problems:
            draw_sentence(layout.box(), context, problem, icon="ERROR")


def _doing(run: StarterRun) -> str:
    text = iface_("{done} of {total}: {effect}")
    return text.format(done=run.done, total=run.total, effect=run.making.name if run.making else "")


PANELS = panels_of(AssetsSection)
