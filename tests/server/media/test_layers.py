"""Layers, parts and passes of OpenEXR: colour and alpha come from one of them, which is said."""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from server.media.clip_reader import open_clip
from server.media.errors import MediaError
from tests.server.media.made_streams import read

# Channels of the passes of a render by Blender: alphabetical, with a pass without alpha before the picture.
_BLENDER = [f"ViewLayer.{name}" for name in ("Ambient Occlusion.R", "Ambient Occlusion.G", "Ambient Occlusion.B")]
_BLENDER += [f"ViewLayer.Combined.{name}" for name in "RGBA"] + [f"ViewLayer.Noisy Image.{name}" for name in "RGBA"]


def exr(path: Path, *parts: tuple[str, dict[str, float]], types: dict[str, str] | None = None) -> Path:
    """A file of 4 x 3 pixels; every part has a name and the value of each of its channels."""
    specs = []
    for name, channels in parts:
        spec = oiio.ImageSpec(4, 3, len(channels), "float" if types else "half")
        spec.channelnames = tuple(channels)
        if types:
            spec.channelformats = tuple(oiio.TypeDesc(types.get(channel, "half")) for channel in channels)
        if name:
            spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), specs[0] if len(specs) == 1 else tuple(specs)), output.geterror()
    for number, (spec, (_, channels)) in enumerate(zip(specs, parts, strict=True)):
        if number:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        pixels = np.broadcast_to(np.array(list(channels.values()), np.float32), (3, 4, len(channels)))
        assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path


def pixel(path: Path, **options: str) -> tuple[list[float], tuple[str, ...]]:
    """The first pixel of a clip and what is said about it."""
    clip = open_clip(path, **options)
    return read(clip)[0, 0, 0].round(2).tolist(), clip.info.notes


def test_colour_and_alpha_come_from_one_layer(tmp_path: Path) -> None:
    values = dict(zip(_BLENDER, [0.5, 0.5, 0.5, 1, 0, 0, 1, 0, 0, 1, 1], strict=True))
    path = exr(tmp_path / "ao_1.exr", ("", values))

    assert pixel(path) == (
        [1, 0, 0, 1],
        (
            "ao_1.exr has several layers: the layer ViewLayer.Combined is taken; --layer takes another: "
            "ViewLayer.Ambient Occlusion, ViewLayer.Noisy Image.",
        ),
    )
    assert pixel(path, layer="Noisy Image")[0] == [0, 0, 1, 1]
    with pytest.raises(MediaError, match="has no alpha"):
        open_clip(path, layer="ViewLayer.Ambient Occlusion")
    with pytest.raises(MediaError, match=r'no layer "Depth" with colour; choose one with --layer: ViewLayer\.Ambient'):
        open_clip(path, layer="Depth")


def test_a_file_with_one_layer_needs_no_words(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", ("", {"Image.R": 1, "Image.G": 0, "Image.B": 0, "Image.A": 1, "Depth.V": 9}))

    assert pixel(path) == ([1, 0, 0, 1], ())


def test_the_order_of_the_channels_does_not_matter(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", ("", {"AO": 0.5, "A": 1, "B": 0, "G": 0, "R": 1, "Z": 7}))

    assert pixel(path) == ([1, 0, 0, 1], ())


def test_only_the_channels_that_are_used_count(tmp_path: Path) -> None:
    channels = {"R": 1, "G": 0, "B": 0, "A": 1, "depth.Z": np.inf, "forward.u": np.nan, "id": 3}
    path = exr(tmp_path / "a.exr", ("", channels), types={"depth.Z": "float", "forward.u": "float", "id": "uint"})

    assert pixel(path) == ([1, 0, 0, 1], ())
    assert open_clip(path).info.bit_depth == 16
    exr(path, ("", {**channels, "G": np.nan}), types={"id": "uint"})
    with pytest.raises(MediaError, match="no numbers"):
        read(open_clip(path))


@pytest.mark.parametrize("first", ["rgba", "N"])
def test_parts_are_layers(tmp_path: Path, first: str) -> None:
    parts = {
        "rgba": ("rgba", {"R": 1, "G": 0, "B": 0, "A": 1}),
        "N": ("N", {"N.X": np.nan, "N.Y": 1, "N.Z": 1}),
        "diffuse": ("diffuse", {"diffuse.R": 0, "diffuse.G": 1, "diffuse.B": 0}),
    }
    ordered = [parts.pop(first), *parts.values()]
    values, notes = pixel(exr(tmp_path / "a.exr", *ordered))

    assert values == [1, 0, 0, 1]
    assert notes == ("a.exr has several layers: the layer rgba is taken; --layer takes another: diffuse.",)


def test_layers_of_which_none_is_the_whole_picture_are_named(tmp_path: Path) -> None:
    eyes = [(name, {"R": value, "G": 0, "B": 0, "A": 1}) for name, value in (("left", 1), ("right", 0))]
    path = exr(tmp_path / "a.exr", *eyes)

    with pytest.raises(MediaError, match=r"^a\.exr has several layers; choose one with --layer: left, right\.$"):
        open_clip(path)
    assert pixel(path, layer="left")[0] == [1, 0, 0, 1]


def test_the_layer_is_looked_for_in_every_frame(tmp_path: Path) -> None:
    beauty = {f"beauty.{name}": 1.0 for name in "RGBA"}
    exr(tmp_path / "a_1.exr", ("", {f"ao.{name}": 0.5 for name in "RGBA"} | beauty))
    exr(tmp_path / "a_2.exr", ("", beauty | {f"zz.{name}": 0.5 for name in "RGBA"}))

    np.testing.assert_allclose(read(open_clip(tmp_path)), 1, atol=1e-6)
    exr(tmp_path / "a_2.exr", ("", {f"zz.{name}": 0.5 for name in "RGBA"}))
    with pytest.raises(MediaError, match=r'^a_2\.exr has no layer "beauty"'):
        read(open_clip(tmp_path))


def test_files_without_colour_say_so(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", ("", {"N.X": 1, "N.Y": 1, "N.Z": 1}))
    with pytest.raises(MediaError, match="has no channels with colour"):
        open_clip(path)
    assert pixel(exr(path, ("", {"Z": 1})), alpha="opaque")[0] == [1, 1, 1, 1]
    with pytest.raises(MediaError, match="only OpenEXR files have"):
        open_clip(tmp_path / "a.png", layer="beauty")
