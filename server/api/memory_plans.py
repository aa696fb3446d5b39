"""The names of the memory plans that a request may ask for.

They repeat those of `server.transpixar.plans`, which comes with torch; a test holds the two together.
"""

from __future__ import annotations

MEMORY_PLANS = (
    "resident",
    "text-freed",
    "sequential",
    "alternating",
    "alternating-sequential",
    "tiled",
    "tiled-sequential",
    "offload",
    "offload-sequential",
    "offload-text-on-cpu",
    "fp8",
    "fp8-sequential",
    "int8",
    "int8-sequential",
)
