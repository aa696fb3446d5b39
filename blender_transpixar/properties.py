"""What the artist sets for a clip: in the panel (stored with the scene) and as arguments of the operator."""

from typing import TYPE_CHECKING, Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .bl import compat
from .bl.clip_seed import LARGEST_SEED, RANDOM_SEED
from .bl.known_models import suggest_models
from .core.request import ClipRequest

# What an enum says for "leave it to the model".
MODELS_OWN = "MODEL"
# What the sources of first frame and footage say for "without".
NO_SOURCE = "NONE"

# SKIP_SAVE keeps operators from remembering the arguments of their last call.
_OPTIONS = {"SKIP_SAVE"}
_PROMPT = StringProperty(
    name="Prompt",
    description='The effect to make, for example "a puff of orange smoke"',
    options=_OPTIONS,
)
_NEGATIVE_PROMPT = StringProperty(
    name="Negative Prompt",
    description="What the clip should not show, for example a color or a shape that keeps turning up",
    options=_OPTIONS,
)
_SEED = IntProperty(
    name="Seed",
    description="The same seed with the same settings gives the same clip again; -1 draws a new one for each clip",
    min=RANDOM_SEED,
    max=LARGEST_SEED,
    default=RANDOM_SEED,
    options=_OPTIONS,
)
_WIDTH = IntProperty(
    name="Width",
    description="Width of the clip in pixels; 0 uses the model's own",
    min=0,
    soft_max=1360,
    step=16,
    subtype="PIXEL",
    options=_OPTIONS,
)
_HEIGHT = IntProperty(
    name="Height",
    description="Height of the clip in pixels; 0 uses the model's own",
    min=0,
    soft_max=1360,
    step=16,
    subtype="PIXEL",
    options=_OPTIONS,
)
_NUM_FRAMES = IntProperty(
    name="Frames",
    description="Length of the clip in its own frames; 0 uses the model's own",
    min=0,
    soft_max=97,
    options=_OPTIONS,
)
_STEPS = IntProperty(
    name="Steps",
    description="How often the model goes over the clip: more steps, finer shapes, and a longer wait; "
    "0 uses the model's own",
    min=0,
    soft_max=100,
    options=_OPTIONS,
)
_GUIDANCE = FloatProperty(
    name="Guidance",
    description="How closely the clip keeps to the prompt: low looks looser and more natural, high gets hard and "
    "over-colored; 0 uses the model's own",
    min=0.0,
    soft_max=20.0,
    step=50,
    precision=1,
    options=_OPTIONS,
)
_QUALITY = EnumProperty(
    name="Quality",
    description="How much of the work may be skipped to have the clip sooner",
    items=(
        (MODELS_OWN, "Model's Own", "What the model's makers recommend"),
        ("EXACT", "Exact", "Skip nothing: for the final clip"),
        ("BALANCED", "Balanced", "Skip what is hardly seen"),
        ("FAST", "Fast", "Skip more, soonest done: for trying out prompts"),
    ),
    options=_OPTIONS,
)
_NUM_CLIPS = IntProperty(
    name="Variations",
    description="How many clips to make one after the other, each with the next seed",
    min=1,
    max=100,
    soft_max=16,
    default=1,
    options=_OPTIONS,
)
_LOOP = BoolProperty(
    name="Loop",
    description="Let the end of the clip lead to its beginning, so that it can run on and on without a seam",
    options=_OPTIONS,
)
_CLEAN_UP = BoolProperty(
    name="Clean Up",
    description="Take the faint haze out of the clip's alpha and fade the effect out towards the edges of the frame, "
    "so that no rectangle is seen around it. Off: the clip is kept as the model made it",
    default=True,
    options=_OPTIONS,
)
_MODEL = StringProperty(
    name="Model",
    description="The model that makes the clip, by its name on the server; empty uses the server's default",
    search=suggest_models,
    search_options={"SUGGESTION"},
    options=_OPTIONS,
)
_FIRST_FRAME_SOURCE = EnumProperty(
    name="First Frame",
    description="A picture that the clip begins with; where it is transparent, the clip begins transparent",
    items=(
        (NO_SOURCE, "None", "Begin with whatever the prompt gives"),
        ("IMAGE", "Image", "Begin with an image of this file"),
        ("RENDER", "Render Result", "Begin with what was rendered last"),
        ("CAMERA", "Active Camera", "Render the current frame over a transparent background, and begin with that"),
        ("FILE", "File", "Begin with an image on disk"),
    ),
    options=_OPTIONS,
)
_FIRST_FRAME_FILE = StringProperty(
    name="Image File",
    description="The image on disk that the clip begins with",
    subtype="FILE_PATH",
    options=_OPTIONS | compat.BLEND_RELATIVE_PATH,
)
_FOOTAGE_SOURCE = EnumProperty(
    name="Footage",
    description="A video that gets an alpha: its colors stay, the model cuts the effect out",
    items=(
        (NO_SOURCE, "None", "Make the whole clip from the prompt"),
        ("MOVIE_CLIP", "Movie Clip", "Give an alpha to a movie clip of this file"),
        ("STRIP", "Active Strip", "Give an alpha to the movie of the sequencer's active strip"),
        ("FILE", "File", "Give an alpha to a video on disk"),
    ),
    options=_OPTIONS,
)
_FOOTAGE_FILE = StringProperty(
    name="Video File",
    description="The video on disk that gets an alpha",
    subtype="FILE_PATH",
    options=_OPTIONS | compat.BLEND_RELATIVE_PATH,
)
_FOOTAGE_START = IntProperty(
    name="Skip Frames",
    description="How many frames at the beginning of the video are left out; the clip is made of those after them",
    min=0,
    soft_max=240,
    options=_OPTIONS,
)


class RequestProperties:
    """The request's values as Blender properties, shared by the scene's settings and the operator."""

    if TYPE_CHECKING:
        prompt: str
        negative_prompt: str
        seed: int
        width: int
        height: int
        num_frames: int
        steps: int
        guidance: float
        quality: str
        num_clips: int
        loop: bool
        clean_up: bool
        model: str
        first_frame_source: str
        first_frame_file: str
        footage_source: str
        footage_file: str
        footage_start: int
    else:
        prompt: _PROMPT
        negative_prompt: _NEGATIVE_PROMPT
        seed: _SEED
        width: _WIDTH
        height: _HEIGHT
        num_frames: _NUM_FRAMES
        steps: _STEPS
        guidance: _GUIDANCE
        quality: _QUALITY
        num_clips: _NUM_CLIPS
        loop: _LOOP
        clean_up: _CLEAN_UP
        model: _MODEL
        first_frame_source: _FIRST_FRAME_SOURCE
        first_frame_file: _FIRST_FRAME_FILE
        footage_source: _FOOTAGE_SOURCE
        footage_file: _FOOTAGE_FILE
        footage_start: _FOOTAGE_START


REQUEST_PROPERTY_NAMES = tuple(RequestProperties.__annotations__)


def asked_of(values: Any) -> dict[str, Any]:
    """RequestProperties as fields of a request, with None for what is left to the model.

    `first_frame` and `footage` are where they come from: the files themselves have no ids yet.
    """
    return {
        "prompt": values.prompt,
        "negative_prompt": values.negative_prompt,
        "seed": None if values.seed == RANDOM_SEED else values.seed,
        "width": values.width or None,
        "height": values.height or None,
        "num_frames": values.num_frames or None,
        "steps": values.steps or None,
        # A 32-bit float as the number that was typed.
        "guidance": float(f"{values.guidance:.6g}") or None,
        "quality": None if values.quality == MODELS_OWN else values.quality.lower(),
        "num_clips": values.num_clips,
        "loop": values.loop or None,
        "clean_up": None if values.clean_up else False,
        "first_frame": None if values.first_frame_source == NO_SOURCE else values.first_frame_source,
        "footage": None if values.footage_source == NO_SOURCE else values.footage_source,
        "model": values.model or None,
    }


def request_from(values: Any) -> ClipRequest:
    """The request for RequestProperties, without the files that it begins with. Raises InvalidRequestError.

    `bl.inputs.inputs_for` gives those files.
    """
    return ClipRequest(**(asked_of(values) | {"first_frame": None, "footage": None}))
