"""The Blender half of the demonstration: install the add-on, make a clip, stand it in a scene, render.

Runs in real Blender (the bpy wheel); demo/run.py calls it.
"""

import argparse
import os
import sys
from math import radians
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.transpixar"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--server", "--extension", "--out", "--prompt"):
        parser.add_argument(name, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    out = Path(arguments.out)

    install(arguments.extension, arguments.server, out / "clips")
    scene = build_scene()
    result = bpy.ops.transpixar.generate(prompt=arguments.prompt, seed=arguments.seed)
    if result != {"FINISHED"}:
        sys.exit("The clip was not made; the message above says why.")
    plane = next(thing for thing in scene.objects if thing.name not in BACKGROUND)
    plane.scale = (2.1, 2.1, 2.1)

    blend, picture = out / "demo.blend", out / "composite.png"
    scene.frame_set(scene.frame_start + scene.frame_end * 4 // 9)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    scene.render.filepath = str(picture)
    bpy.ops.render.render(write_still=True)
    clip = max((out / "clips").iterdir(), key=lambda folder: folder.stat().st_mtime)
    for label, path in (("Clip", clip), ("Scene", blend), ("Picture", picture)):
        print(f"{label + ':':9}{path}")


def install(archive: str, server: str, clips: Path) -> None:
    """Install the add-on as an artist does, from its zip."""
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.server_address = server
    preferences.clip_folder = str(clips)


BACKGROUND = ("Wall", "Floor", "Column", "Ball", "Camera", "Key", "Fill")


def build_scene() -> bpy.types.Scene:
    """A small set: a tiled wall and floor, a column and a ball behind the place where the clip will stand."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 27
    scene.render.fps = 24
    scene.render.resolution_x, scene.render.resolution_y = 960, 640
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 32
    scene.view_settings.view_transform = "Standard"
    scene.cursor.location = (0.0, 0.0, 0.0)

    bpy.ops.mesh.primitive_plane_add(size=14, location=(0, 2.6, 0), rotation=(radians(90), 0, 0))
    dress("Wall", tiles((0.05, 0.085, 0.12), (0.09, 0.14, 0.18), 26))
    bpy.ops.mesh.primitive_plane_add(size=14, location=(0, 0, 0))
    dress("Floor", tiles((0.10, 0.09, 0.08), (0.17, 0.155, 0.14), 16))
    bpy.ops.mesh.primitive_cylinder_add(radius=0.28, depth=3.2, location=(-0.55, 1.5, 1.6), vertices=64)
    dress("Column", plain((0.5, 0.47, 0.42), 0.6))
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.42, location=(0.62, 1.1, 0.42), segments=64, ring_count=32)
    bpy.ops.object.shade_smooth()
    dress("Ball", plain((0.25, 0.32, 0.36), 0.25))

    light("Key", (2.6, -2.2, 3.6), (radians(48), 0, radians(42)), 160, 1.6)
    light("Fill", (-3.2, -1.8, 2.4), (radians(62), 0, radians(-55)), 45, 2.5)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -5.2, 1.25), (radians(88), 0, 0)
    camera.data.lens = 52
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def dress(name: str, material: bpy.types.Material) -> None:
    """Name the object that was just added and give it a material."""
    thing = bpy.context.object
    thing.name = name
    thing.data.materials.append(material)


def plain(colour: tuple[float, float, float], roughness: float) -> bpy.types.Material:
    """A one-coloured surface; colour in linear light."""
    material = bpy.data.materials.new("Plain")
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    return material


def tiles(one: tuple[float, float, float], other: tuple[float, float, float], count: float) -> bpy.types.Material:
    """A checkerboard of two colours, so that one sees through the clip."""
    material = plain(one, 0.5)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    checker = nodes.new("ShaderNodeTexChecker")
    checker.inputs["Color1"].default_value, checker.inputs["Color2"].default_value = (*one, 1), (*other, 1)
    checker.inputs["Scale"].default_value = count
    coordinates = nodes.new("ShaderNodeTexCoord")
    links.new(coordinates.outputs["UV"], checker.inputs["Vector"])
    links.new(checker.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


def light(
    name: str, location: tuple[float, float, float], turn: tuple[float, float, float], watts: float, size: float
) -> None:
    """An area light."""
    lamp = bpy.data.objects.new(name, bpy.data.lights.new(name, "AREA"))
    lamp.data.energy, lamp.data.size = watts, size
    lamp.location, lamp.rotation_euler = location, turn
    bpy.context.scene.collection.objects.link(lamp)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Blender as a module may hang in its own exit
