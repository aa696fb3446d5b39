"""Everything that can stand for a clip, found out from its path."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from server.media.animation import SUFFIXES as ANIMATION_SUFFIXES
from server.media.animation import open_animation
from server.media.errors import MediaError
from server.media.images import SUFFIXES as IMAGE_SUFFIXES
from server.media.images import is_animated_png
from server.media.matte import with_matte
from server.media.movie_reader import SUFFIXES as MOVIE_SUFFIXES
from server.media.movie_reader import open_movie
from server.media.naming import SIDECAR_SUFFIX
from server.media.numbering import ImageSequence, image_sequence, is_pattern
from server.media.sequence_reader import open_sequence
from server.media.sidecar import Sidecar, SidecarError
from server.media.sprite_sheet import open_sprite_sheet
from server.media.stream import AlphaMode, ClipStream

# Names of colour and alpha as matting data sets have them, beside each other in one folder.
COLOUR_NAME, MATTE_NAME = "fgr", "pha"


def open_clip(
    path: Path,
    *,
    fps: Fraction | None = None,
    alpha: AlphaMode | None = None,
    matte: Path | None = None,
    layer: str | None = None,
) -> ClipStream:
    """Open a clip of any kind; its frames are read when they are asked for.

    `path` is one of: a clip folder or its sidecar; a folder with numbered images, one of them, or their pattern
    (`shot_####.exr`, `shot_%04d.png`); a movie; an animated WebP, GIF, PNG or AVIF; the JSON file of a sprite sheet or
    its folder; a folder with `fgr` and `pha`. `fps` and `alpha` replace what the files say of themselves;
    `alpha="opaque"` takes a clip that has no alpha. `matte` is another of these, whose brightness becomes the alpha.
    `layer` names a layer of OpenEXR files; else the one that is the whole picture is taken.

    Raises MediaError when there is nothing that can be read, with a sentence that names the file or frame.
    """
    if matte is not None:
        return with_matte(_open(path, fps, "opaque", layer), _open(matte, fps, "opaque"))
    return _open(path, fps, alpha, layer)


def _open(path: Path, fps: Fraction | None, alpha: AlphaMode | None, layer: str | None = None) -> ClipStream:
    if path.is_dir():
        return _open_folder(path, fps, alpha, layer)
    suffix = path.suffix.lower()
    if layer is not None and suffix != ".exr":
        raise MediaError(f"{path.name} has no layers, only OpenEXR files have; leave out --layer.")
    if suffix == SIDECAR_SUFFIX:
        return _open_clip_folder(path, fps, alpha)
    if suffix == ".json":
        return open_sprite_sheet(path, fps=fps, alpha=alpha)
    if suffix in MOVIE_SUFFIXES:
        return open_movie(path, fps=fps, alpha=alpha)
    if is_pattern(path):
        return open_sequence(image_sequence(path), fps=fps, alpha=alpha, layer=layer)
    if suffix in ANIMATION_SUFFIXES or (suffix == ".png" and is_animated_png(path)):
        sequence = image_sequence(path) if path.is_file() and suffix in IMAGE_SUFFIXES else None
        if sequence is None or len(sequence.files) == 1:
            return open_animation(path, fps=fps, alpha=alpha)
        return open_sequence(sequence, fps=fps, alpha=alpha)
    if suffix in IMAGE_SUFFIXES:
        return open_sequence(image_sequence(path), fps=fps, alpha=alpha, layer=layer)
    if not path.exists():
        raise MediaError(f"There is no file or folder {path}.")
    kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES | ANIMATION_SUFFIXES | MOVIE_SUFFIXES))
    raise MediaError(f"{path.name} is of no known kind; clips are folders, sidecars, sprite sheets (json) or {kinds}.")


def _open_folder(folder: Path, fps: Fraction | None, alpha: AlphaMode | None, layer: str | None) -> ClipStream:
    sidecars = sorted(folder.glob("*" + SIDECAR_SUFFIX))
    if sidecars:
        return _open_clip_folder(sidecars[0], fps, alpha)
    colour, matte = _part(folder, COLOUR_NAME), _part(folder, MATTE_NAME)
    if colour and matte:
        return with_matte(_open(colour, fps, "opaque"), _open(matte, fps, "opaque"))
    sheets = sorted(folder.glob("*.json"))
    if len(sheets) == 1 and not any(folder.glob("*[0-9].*")):
        return open_sprite_sheet(sheets[0], fps=fps, alpha=alpha)
    return open_sequence(image_sequence(folder), fps=fps, alpha=alpha, layer=layer, name=folder.name)


def _open_clip_folder(path: Path, fps: Fraction | None, alpha: AlphaMode | None) -> ClipStream:
    """A folder of this server's, by its sidecar, which knows what the frames do not."""
    try:
        sidecar = Sidecar.from_json(path.read_bytes())
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read ({error.strerror}).") from None
    except SidecarError as error:
        raise MediaError(f"{path.name}: {error}") from None
    folder = path.parent
    numbers = range(sidecar.first_frame, sidecar.first_frame + sidecar.frame_count)
    files = [folder / (sidecar.pattern % number) for number in numbers]
    for file in files:
        if not file.is_file():
            raise MediaError(f"{file.name} is missing from {folder.name}; download or generate the clip again.")
    request = sidecar.request
    stream = open_sequence(
        ImageSequence(folder.name, files, sidecar.first_frame),
        fps=fps or sidecar.rate,
        alpha=alpha or sidecar.alpha_mode,
        metadata={"prompt": request.prompt, "seed": str(request.seed), "model": sidecar.model.name},
    )
    if (stream.info.width, stream.info.height) != (sidecar.width, sidecar.height):
        raise MediaError(
            f"{files[0].name} is {stream.info.width} x {stream.info.height}, and {path.name} says {sidecar.width} x "
            f"{sidecar.height}; the frames are not those of this clip."
        )
    return ClipStream(replace(stream.info, canvas=sidecar.canvas), stream.frames)


def _part(folder: Path, name: str) -> Path | None:
    """`fgr` as a folder or as a movie."""
    candidates = [folder / name, *(folder / (name + suffix) for suffix in sorted(MOVIE_SUFFIXES))]
    return next((part for part in candidates if part.exists()), None)
