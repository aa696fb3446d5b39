"""`python -m server.training.mini --work DIR`: train `mini` from nothing; every stage resumes from DIR."""

import argparse
from pathlib import Path

import torch

from server.training.mini import autoencoder, clips
from server.training.mini.config import CONFIG


def main() -> None:
    """Run the stages in order."""
    parser = argparse.ArgumentParser(prog="python -m server.training.mini", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for clips, latents and checkpoints")
    parser.add_argument("--clips", type=int, default=14000, help="number of training clips")
    parser.add_argument("--minutes", type=float, nargs=3, default=(22, 28, 28), metavar=("VAE", "RGB", "RGBA"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work: Path = arguments.work
    clips.make(work, CONFIG, arguments.clips)
    array, _ = clips.load(work)
    autoencoder.train(work, array, CONFIG, arguments.minutes[0])


if __name__ == "__main__":
    main()
