"""The arms: the paper's recipe, and what differs from it in each of the others."""

from dataclasses import dataclass
from typing import Literal

Positions = Literal["shared", "consecutive"]
Mask = Literal["strict", "open", "no-rgb-to-alpha"]


@dataclass(frozen=True)
class Arm:
    """One way to add alpha to an RGB base.

    Attributes:
        name: of its files.
        title: as plots and tables call it.
        positions: of the alpha tokens: those of the RGB tokens, or the ones after them, as of later frames.
        mask: what is blocked: text queries from alpha keys, nothing, or text and RGB queries from alpha keys.
        domain: whether a learned embedding marks alpha tokens.
        joint: whether the base is trained too.
        rank: of the LoRA.
    """

    name: str
    title: str
    positions: Positions = "shared"
    mask: Mask = "strict"
    domain: bool = True
    joint: bool = False
    rank: int = 64


BASELINE = Arm("paper", "the paper's recipe")
ARMS = (
    BASELINE,
    Arm("consecutive", "consecutive positions", positions="consecutive"),
    Arm("open", "nothing masked", mask="open"),
    Arm("no-rgb-to-alpha", "RGB does not see alpha", mask="no-rgb-to-alpha"),
    Arm("no-domain", "no domain embedding", domain=False),
    Arm("joint", "base trained too", joint=True),
    Arm("rank-8", "rank 8", rank=8),
    Arm("rank-128", "rank 128", rank=128),
)

# What is drawn in one picture: the question, and the arms that answer it.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "positions": ("paper", "consecutive"),
    "mask": ("paper", "open", "no-rgb-to-alpha"),
    "domain": ("paper", "no-domain"),
    "joint": ("paper", "joint"),
    "rank": ("rank-8", "paper", "rank-128"),
}
