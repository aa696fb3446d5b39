"""`python -m server.training.mini.sheet FILE.png`: a picture of what a model makes of prompts, two an effect."""

import argparse
from pathlib import Path

import torch

from server.media.straight import straight_frames
from server.training import contact_sheet
from server.training.evaluation.subject import Subject
from server.training.mini.config import EMBEDDED

PROMPTS = (
    "orange fire", "blue fire", "a puff of orange smoke", "white smoke rising", "blue sparks bursting", "gold sparks",
    "red explosion", "green explosion", "purple lightning bolt", "blue lightning", "green portal", "an orange portal",
    "cyan shockwave expanding", "pink energy pulse", "blue soap bubbles", "green bubbles", "white snow falling",
    "pink snow", "blue rain", "turquoise rain", "purple magic swirl", "yellow vortex spinning", "gold confetti",
    "magenta confetti", "teal splash", "blue water splash", "red autumn leaves", "green leaves", "pink orb",
    "cyan energy ball",
)  # fmt: skip


def main() -> None:
    """Sample and write."""
    parser = argparse.ArgumentParser(prog="python -m server.training.mini.sheet", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, default=EMBEDDED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    subject = Subject(arguments.model)
    clips = [subject.sample(prompt, arguments.seed) for prompt in arguments.prompts]
    # As the server would deliver them.
    shown = [(straight_frames(clip, premultiplied=True) / 255).astype("float32") for clip in clips]
    contact_sheet.write(arguments.file, shown, arguments.prompts)


if __name__ == "__main__":
    main()
