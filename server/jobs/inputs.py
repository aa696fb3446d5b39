"""Checks what a request refers to: the uploads it is made from, and style LoRAs."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from server.jobs.errors import RequestError
from server.jobs.request import StyleLora, VideoRequest, VideoRequestInput
from server.jobs.uploads import UploadInfo, UploadLookup
from server.models import ModelDescription, RequestLimits

MAX_STYLE_LORAS = 4
MAX_STRENGTH = 4.0


def check_source(sent: VideoRequestInput, model: ModelDescription, uploads: UploadLookup) -> UploadInfo | None:
    """The footage of a request, if it has one, when the model can make a clip from what the request gives.

    Raises RequestError.
    """
    if sent.first_frame is not None and sent.footage is not None:
        message = "A clip begins with a first frame or is made from footage; give only one of the two."
        raise RequestError("invalid_field", message, "footage")
    if sent.loop and (sent.first_frame is not None or sent.footage is not None):
        message = "A clip that loops has no first frame of its own; leave out loop, or the first frame or footage."
        raise RequestError("invalid_field", message, "loop")
    if sent.first_frame is not None:
        _require_task("image", "first_frame", "cannot begin with a given image", model)
        _upload(sent.first_frame, "first_frame", "image", uploads)
    elif sent.footage is not None:
        _require_task("footage", "footage", "cannot give an alpha to footage", model)
        return _upload(sent.footage, "footage", "video", uploads)
    else:
        _require_task("text", "prompt", "needs a first frame or footage", model)
    return None


def usable_frames(sent: VideoRequestInput, footage: UploadInfo | None, limits: RequestLimits) -> int | None:
    """How many frames of its footage a request leaves, None without footage.

    Raises RequestError when they are too few for any clip.
    """
    start = sent.footage_start or 0
    if footage is None:
        if start:
            raise RequestError(
                "invalid_field", "There is no footage to start in; leave out footage_start.", "footage_start"
            )
        return None
    if footage.frame_count < limits.min_frames:
        message = f"The footage has {footage.frame_count} frames; use one with at least {limits.min_frames}."
        raise RequestError("upload_not_usable", message, "footage")
    last = footage.frame_count - limits.min_frames
    if not 0 <= start <= last:
        message = f"Footage of {footage.frame_count} frames cannot start after {start} of them; use 0 to {last}."
        raise RequestError("invalid_field", message, "footage_start")
    return footage.frame_count - start


def default_frames(footage_frames: int | None, model: ModelDescription) -> int:
    """How many frames a clip gets when the request does not say: as many as the footage and the model both allow."""
    if footage_frames is None:
        return model.defaults.num_frames
    limits = model.limits
    return largest_frame_count(min(footage_frames, limits.max_frames), limits)


def largest_frame_count(frames: int, limits: RequestLimits) -> int:
    """The largest count up to `frames` that is a multiple of `limits.frames_multiple` plus 1."""
    return (frames - 1) // limits.frames_multiple * limits.frames_multiple + 1


def check_footage_length(request: VideoRequest, footage_frames: int | None, limits: RequestLimits) -> None:
    """Raise RequestError when what the request leaves of its footage is shorter than the clip."""
    if footage_frames is not None and footage_frames < request.num_frames:
        fitting = largest_frame_count(footage_frames, limits)
        left = f" after the first {request.footage_start}" if request.footage_start else ""
        message = (
            f"The footage has {footage_frames} frames{left}, fewer than {request.num_frames}; use {fitting} frames, "
            "or longer footage."
        )
        raise RequestError("upload_not_usable", message, "num_frames")


def check_style_loras(loras: tuple[StyleLora, ...], known: Collection[str]) -> None:
    """Raise RequestError for the first style LoRA that is not there, is too strong or one too many."""
    if len(loras) > MAX_STYLE_LORAS:
        message = f"{len(loras)} style LoRAs are too many; use at most {MAX_STYLE_LORAS}."
        raise RequestError("invalid_field", message, "style_loras")
    seen: set[str] = set()
    for lora in loras:
        if lora.name not in known:
            raise RequestError("unknown_style_lora", _unknown_lora(lora.name, known), "style_loras")
        if lora.name in seen:
            message = f"The style LoRA '{lora.name}' is named twice; name it once, with one strength."
            raise RequestError("invalid_field", message, "style_loras")
        if not -MAX_STRENGTH <= lora.strength <= MAX_STRENGTH:
            message = f"Strength {lora.strength:g} is out of range; use {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}."
            raise RequestError("strength_out_of_range", message, "style_loras")
        seen.add(lora.name)


def _require_task(task: str, field: str, complaint: str, model: ModelDescription) -> None:
    if task not in model.tasks:
        wanted = "" if task == "text" else " or leave it out"
        message = f"The model '{model.name}' {complaint}; choose another model{wanted}."
        raise RequestError("task_not_supported", message, field)


def _upload(upload_id: str, field: str, kind: str, uploads: UploadLookup) -> UploadInfo:
    upload = uploads.get(upload_id)
    if upload is None:
        raise RequestError("unknown_upload", "There is no such upload on this server; upload the file again.", field)
    if upload.kind != kind:
        names = {"image": "an image", "video": "a video"}
        message = f"The upload is {names[upload.kind]}; this field takes {names[kind]}."
        raise RequestError("upload_not_usable", message, field)
    return upload


def _unknown_lora(name: str, known: Collection[str]) -> str:
    if not known:
        return (
            f"There is no style LoRA {name!r}: this server has none. Put safetensors files into the folder style_loras "
            "of its data folder."
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "GET /v1/style-loras lists those there are."
    return f"There is no style LoRA {name!r} on this server; {hint}"
