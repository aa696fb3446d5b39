"""Small renders whose pixels can be asked."""

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from tests.blender.over import linear

SIZE = 64


def set_up(scene: bpy.types.Scene, engine: str = "CYCLES", samples: int = 8, view: str = "Standard") -> None:
    """A camera looking along +Y at the lowest metre above the ground; a transparent film, colours as they are."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = 1.0
    camera.location = (0.0, -5.0, 0.5)
    camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine = engine
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.film_transparent = True
    scene.view_settings.view_transform = view
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    if engine == "CYCLES":
        scene.cycles.samples = samples
        scene.cycles.use_denoising = False
    else:
        scene.eevee.taa_render_samples = samples


def render(scene: bpy.types.Scene, frame: int, path: Path) -> NDArray[np.float32]:
    """Render one frame: (height, width, 4) straight display-encoded values from 0 to 1, rows from the top."""
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def fill_background(scene: bpy.types.Scene, colour: tuple[float, ...]) -> None:
    """Fill everything behind the objects with a display-encoded colour."""
    scene.render.film_transparent = False
    scene.world = bpy.data.worlds.new("Background")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    nodes = scene.world.node_tree.nodes
    nodes.clear()
    background, output = nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeOutputWorld")
    background.inputs["Color"].default_value = (*(float(value) for value in linear(colour)), 1.0)
    scene.world.node_tree.links.new(background.outputs[0], output.inputs["Surface"])
