import bpy


def test_one_click_shows_colours_as_they_are_and_can_be_undone(blender: None):
    view = bpy.context.scene.view_settings
    view.view_transform, view.look = "Filmic", "Very High Contrast"
    view.exposure = 0.5
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.transpixar.use_standard_view("EXEC_DEFAULT", True) == {"FINISHED"}
    view = bpy.context.scene.view_settings
    assert (view.view_transform, view.look, view.exposure) == ("Standard", "None", 0.5)
    assert not bpy.ops.transpixar.use_standard_view.poll()
    bpy.ops.ed.undo()
    assert bpy.context.scene.view_settings.view_transform == "Filmic"
