"""Memory plans: what stays on the device, and what comes and goes.

The plans stand in a ladder, fastest first; each further one needs less memory for some phase of a clip. `Planner` takes
the first that fits.

Two things move a clip's numbers. Tiled decoding, the way CogVideoX's authors decode, norms each tile by itself and
blends them: small differences in colour, none in sampling. Storing weights in 8 bits changes the weights, and with them
the whole clip; so `exact` never does that of its own accord, `balanced` only where nothing else fits, and `fast` before
it lets weights travel. Whoever names a plan gets it, whatever the quality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Quality = Literal["exact", "balanced", "fast"]
"""Named presets of speed against exactness; see `quality`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a clip is made within the memory that there is.

    Attributes:
        name: for requests and reports.
        summary: one sentence for people.
        text_encoder: "resident" beside everything else; "freed" when the words are encoded, and loaded again for other
            words; "cpu" loaded and run there.
        batch_guidance: run both halves of guidance as one batch.
        vae_tiling: decode in overlapping tiles.
        transformer: "resident"; "alternating" with the decoder, so that it waits in main memory while frames are
            decoded; or "group_offload": its blocks wait there and come one by one, each while the one before works.
        storage: of the blocks' projections and feed-forward layers; "full" is the compute dtype.
    """

    name: str
    summary: str
    text_encoder: Literal["resident", "freed", "cpu"] = "freed"
    batch_guidance: bool = True
    vae_tiling: bool = True
    transformer: Literal["resident", "alternating", "group_offload"] = "resident"
    storage: Literal["full", "fp8", "int8"] = "full"

    @property
    def changes_weights(self) -> bool:
        """Say whether the clip differs from that of the other plans by more than rounding and seams."""
        return self.storage != "full"


_FREED = "The text encoder leaves once it has read the prompt"
_SEQUENTIAL = "guidance takes two passes one after the other"
_TILED = "frames are decoded in tiles"
_ALTERNATING = "the transformer waits in main memory while frames are decoded"
_FP8 = "weights are stored in 8-bit floats"
_INT8 = "weights are stored in 8-bit integers"
_OFFLOAD = "the transformer's blocks wait in main memory and come to the device in turn"

RESIDENT = Plan("resident", "Everything stays on the device.", text_encoder="resident", vae_tiling=False)
TEXT_FREED = Plan("text-freed", f"{_FREED}.", vae_tiling=False)
SEQUENTIAL = replace(TEXT_FREED, name="sequential", summary=f"{_FREED}, and {_SEQUENTIAL}.", batch_guidance=False)
ALTERNATING = replace(
    TEXT_FREED, name="alternating", summary=f"{_FREED}, and {_ALTERNATING}.", transformer="alternating"
)
ALTERNATING_SEQUENTIAL = replace(
    ALTERNATING,
    name="alternating-sequential",
    summary=f"{_FREED}, {_SEQUENTIAL}, and {_ALTERNATING}.",
    batch_guidance=False,
)
TILED = Plan("tiled", f"{_FREED}, and {_TILED}.")
TILED_SEQUENTIAL = replace(
    TILED, name="tiled-sequential", summary=f"{_FREED}, {_SEQUENTIAL}, and {_TILED}.", batch_guidance=False
)
FP8 = replace(TILED, name="fp8", summary=f"{_FREED}, {_TILED}, and {_FP8}.", storage="fp8")
FP8_SEQUENTIAL = replace(
    FP8, name="fp8-sequential", summary=f"{_FREED}, {_SEQUENTIAL}, {_TILED}, and {_FP8}.", batch_guidance=False
)
INT8 = replace(TILED, name="int8", summary=f"{_FREED}, {_TILED}, and {_INT8}.", storage="int8")
INT8_SEQUENTIAL = replace(
    INT8, name="int8-sequential", summary=f"{_FREED}, {_SEQUENTIAL}, {_TILED}, and {_INT8}.", batch_guidance=False
)
OFFLOAD = replace(TILED, name="offload", summary=f"{_FREED}, {_TILED}, and {_OFFLOAD}.", transformer="group_offload")
OFFLOAD_SEQUENTIAL = replace(
    OFFLOAD,
    name="offload-sequential",
    summary=f"{_FREED}, {_SEQUENTIAL}, {_TILED}, and {_OFFLOAD}.",
    batch_guidance=False,
)
OFFLOAD_TEXT_ON_CPU = replace(
    OFFLOAD_SEQUENTIAL,
    name="offload-text-on-cpu",
    summary=f"The text encoder runs on the processor, {_SEQUENTIAL}, {_TILED}, and {_OFFLOAD}.",
    text_encoder="cpu",
)

WHOLE = (RESIDENT, TEXT_FREED, SEQUENTIAL, TILED, TILED_SEQUENTIAL)
"""The plans that a processor can follow too."""

# Before tiles, which show in the frames; all the weights have to travel twice a clip, which takes nine seconds (H200).
_ALTERNATED = (RESIDENT, TEXT_FREED, SEQUENTIAL, ALTERNATING, ALTERNATING_SEQUENTIAL, TILED, TILED_SEQUENTIAL)
_OFFLOADED = (OFFLOAD, OFFLOAD_SEQUENTIAL, OFFLOAD_TEXT_ON_CPU)
_IN_FP8 = (FP8, FP8_SEQUENTIAL)
# int8 needs torchao, which few have; it is there for those who name it.
PLANS: dict[str, Plan] = {plan.name: plan for plan in (*_ALTERNATED, *_OFFLOADED, *_IN_FP8, INT8, INT8_SEQUENTIAL)}
"""Every plan by name."""

LADDERS: dict[Quality, tuple[Plan, ...]] = {
    "exact": (*_ALTERNATED, *_OFFLOADED),
    "balanced": (*_ALTERNATED, *_OFFLOADED, *_IN_FP8),
    "fast": (*_ALTERNATED, *_IN_FP8, *_OFFLOADED),
}
"""The plans that are tried, in order."""
