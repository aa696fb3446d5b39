"""The clip that a call asks for: its size and length, and what was given besides words."""

from dataclasses import dataclass
from typing import Any, Self

from .conditioning import GivenFrames


@dataclass(frozen=True)
class Clip:
    """One clip's size in pixels and length, and the frames that condition it.

    Attributes:
        width: in pixels.
        height: in pixels.
        num_frames: number of frames.
        image: the first frame; on an image-to-video base always there.
        footage: RGB whose alpha is wanted.
    """

    width: int
    height: int
    num_frames: int
    image: GivenFrames | None = None
    footage: GivenFrames | None = None

    @classmethod
    def of(
        cls,
        image: Any,
        rgb_video: Any,
        *,
        size: tuple[int | None, int | None],
        num_frames: int | None,
        default: "Clip",
        image_to_video: bool,
        image_optional: bool = False,
    ) -> Self:
        """Settle on a clip.

        Args:
            image: see `GivenFrames.of_image`; or None.
            rgb_video: see `GivenFrames.of_footage`; or None.
            size: width and height asked for, where they are.
            num_frames: number of frames asked for, if it is.
            default: the model's own size and length, where nothing is asked for or given.
            image_to_video: the base reads a first frame.
            image_optional: and can do without.

        Raises:
            ValueError: what is given contradicts itself or the model; the sentence says what to give.
        """
        footage = None if rgb_video is None else GivenFrames.of_footage(rgb_video)
        first = None if image is None else GivenFrames.of_image(image)
        _check_conditions(first, footage, image_to_video, image_optional)
        if footage is not None and image_to_video:
            first = footage.first()
        given = footage or first
        own_width, own_height = given.size if given else (default.width, default.height)
        width, height = size
        clip = cls(
            width=own_width if width is None else width,
            height=own_height if height is None else height,
            num_frames=(footage or default).num_frames if num_frames is None else num_frames,
            image=first,
            footage=footage,
        )
        if given is not None and (clip.width, clip.height) != given.size:
            raise ValueError(
                f"The given frames are {given.size[0]}x{given.size[1]}, but the clip is {clip.width}x{clip.height}; "
                "leave width and height out, or resize the frames first."
            )
        if footage is not None and clip.num_frames != footage.num_frames:
            raise ValueError(
                f"The given video has {footage.num_frames} frames, but the clip has {clip.num_frames}; leave "
                "num_frames out, or cut the video first."
            )
        return clip

    def check_count(self, num_prompts: int) -> None:
        """Check that there is one condition for all prompts or one for each.

        Raises:
            ValueError: there is neither.
        """
        given = self.footage or self.image
        if given is not None and len(given.rgb) not in {1, num_prompts}:
            raise ValueError(
                f"{len(given.rgb)} images or videos are given for {num_prompts} prompts; give one for all or one for "
                "each."
            )


def _check_conditions(
    image: GivenFrames | None, footage: GivenFrames | None, image_to_video: bool, image_optional: bool
) -> None:
    if image is not None and footage is not None:
        raise ValueError("Both image and rgb_video are given; give one, because the video holds its first frame.")
    if image is not None and not image_to_video:
        raise ValueError(
            "This model was not trained to start from an image; use an image-to-video base such as CogVideoX-5B-I2V, "
            "or leave image out."
        )
    if image is None and footage is None and image_to_video and not image_optional:
        raise ValueError(
            "This model needs a first frame; give image, or use a text-to-video base such as CogVideoX-5B."
        )
