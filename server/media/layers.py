"""Which channels of an image are its colour and alpha: those of one layer, chosen by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.media.errors import MediaError

_RED, _GREEN, _BLUE, _ALPHA = range(4)
_COLOURS = {
    name: component
    for component, names in enumerate((("r", "red"), ("g", "green"), ("b", "blue"), ("a", "alpha")))
    for name in names
}
_GREYS = ("y", "l", "luminance", "grey", "gray")
# What renderers call the whole picture, the likeliest first: Blender; Nuke, Arnold and V-Ray; RenderMan and Redshift.
_WHOLE = ("combined", "rgba", "rgb", "beauty", "composite", "image")
_MOST_NAMES = 8


@dataclass(frozen=True)
class Layer:
    """A layer with colour: `channels` are the indices of red, green, blue and alpha (None: it has none) in its part.

    `name` is what stands before the last dot of the channels' names (`ViewLayer.Combined`), or, where nothing does, the
    name of the part in a file of several parts; else it is empty.
    """

    name: str
    part: int
    channels: tuple[int, int, int, int | None]

    @property
    def span(self) -> tuple[int, int]:
        """The first of the channels, and the one after the last."""
        used = [channel for channel in self.channels if channel is not None]
        return min(used), max(used) + 1


def layers_of(parts: Sequence[tuple[str, Sequence[str]]]) -> list[Layer]:
    """The layers with colour of a file, in its order; `parts` are the name and the channels' names of each part."""
    found = []
    for number, (part_name, channel_names) in enumerate(parts):
        groups: dict[str, dict[str, int]] = {}
        for index, channel in enumerate(channel_names):
            name, _, component = channel.rpartition(".")
            if not name and len(parts) > 1:
                name = part_name
            groups.setdefault(name, {}).setdefault(component.casefold(), index)
        for name, components in groups.items():
            channels = _rgba(components)
            if channels is not None:
                found.append(Layer(name, number, channels))
    if not found and len(parts) == 1 and len(parts[0][1]) == 1:
        # A mask or a depth alone is a grey picture, whatever its channel is called.
        return [Layer("", 0, (0, 0, 0, None))]
    return found


def chosen_layer(layers: Sequence[Layer], wanted: str | None, file: str) -> Layer:
    """The layer called `wanted`, or, when that is None, the one that is the whole picture. Raises MediaError."""
    if not layers:
        raise MediaError(
            f"{file} has no channels with colour (R, G and B, or Y); render it with a beauty or RGBA layer."
        )
    if wanted is not None:
        return _named(layers, wanted, file)
    for layer in layers:
        if not layer.name:
            return layer
    for whole in _WHOLE:
        for layer in layers:
            if layer.name.rpartition(".")[2].casefold() == whole:
                return layer
    if len(layers) > 1:
        raise MediaError(f"{file} has several layers; choose one with --layer: {listed(layers)}.")
    return layers[0]


def listed(layers: Iterable[Layer]) -> str:
    """Names of layers for a sentence."""
    names = [layer.name or '"" (the channels without a layer)' for layer in layers]
    return ", ".join(names[:_MOST_NAMES]) + (f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else "")


def _named(layers: Sequence[Layer], wanted: str, file: str) -> Layer:
    """By the whole name or by its end, as `Combined` for `ViewLayer.Combined`."""
    exact = [layer for layer in layers if layer.name == wanted]
    ending = [layer for layer in layers if f".{layer.name}".casefold().endswith(f".{wanted}".casefold())]
    found = exact or ending
    if len(found) == 1:
        return found[0]
    problem = f'several layers called "{wanted}"' if found else f'no layer "{wanted}" with colour'
    raise MediaError(f"{file} has {problem}; choose one with --layer: {listed(found or layers)}.")


def _rgba(components: dict[str, int]) -> tuple[int, int, int, int | None] | None:
    """Red, green, blue and alpha among the channels of one layer; None when it has no colour."""
    found: dict[int, int] = {}
    for component, index in components.items():
        if component in _COLOURS:
            found.setdefault(_COLOURS[component], index)
    if {_RED, _GREEN, _BLUE} <= found.keys():
        return found[_RED], found[_GREEN], found[_BLUE], found.get(_ALPHA)
    # X, Y and Z are positions and normals.
    grey = next((components[name] for name in _GREYS if name in components and "x" not in components), None)
    return None if grey is None else (grey, grey, grey, found.get(_ALPHA))
