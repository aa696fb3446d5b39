"""What made a clip, kept with every datablock that shows it: custom properties that begin with `transpixar_`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.clip import Clip
from .clip_image import path_for_blend_file

PREFIX = "transpixar_"
_LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a clip.

    `model` is the model's name, `licence` what it says about the model's terms; `request` is the whole request as the
    sidecar has it, which can be sent again; `sidecar` the path of the sidecar as Blender writes paths.
    """

    prompt: str
    seed: int | None
    model: str
    licence: str
    request: Mapping[str, Any]
    sidecar: str


def remember_provenance(thing: Any, clip: Clip) -> None:
    """Write what made a clip on an object, material, image, strip or node; not on what is linked."""
    if getattr(thing, "library", None) is not None:
        return
    sidecar = clip.sidecar
    told = {
        "prompt": str(sidecar.request.get("prompt") or ""),
        "seed": sidecar.seed,
        "model": str(sidecar.model.get("name") or sidecar.request.get("model") or ""),
        "licence": str(sidecar.model.get("licence") or ""),
        "request": json.dumps(dict(sidecar.request)),
        "sidecar": path_for_blend_file(clip.sidecar_path),
    }
    for name, value in told.items():
        if value is None:
            thing.pop(PREFIX + name, None)
        else:
            # Blender keeps integers in 32 bits.
            is_large = isinstance(value, int) and abs(value) > _LARGEST_INT
            thing[PREFIX + name] = str(value) if is_large else value


def provenance_of(thing: Any) -> Provenance | None:
    """What made the clip that a thing shows; None when it shows none of ours.

    An object without any has its materials'. A value that somebody changed to nonsense counts as not given.
    """
    if thing is None:
        return None
    if PREFIX + "request" not in thing:
        materials = (slot.material for slot in getattr(thing, "material_slots", ()))
        return next((found for found in map(provenance_of, materials) if found is not None), None)
    prompt, model, licence, sidecar = (
        str(thing.get(PREFIX + name, "")) for name in ("prompt", "model", "licence", "sidecar")
    )
    return Provenance(prompt, _whole(thing.get(PREFIX + "seed")), model, licence, _request_of(thing), sidecar)


def _whole(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _request_of(thing: Any) -> Mapping[str, Any]:
    try:
        request = json.loads(thing[PREFIX + "request"])
    except (TypeError, ValueError):
        return {}
    return request if isinstance(request, dict) else {}
