"""`python -m server.training.mini --work DIR`: train `mini` from nothing; every stage resumes from DIR."""

import argparse
from pathlib import Path
from typing import Any

import torch

from server.files import new_file
from server.training.mini import autoencoder, clips, export, ranks, text, transformer
from server.training.mini.config import CONFIG, EMBEDDED, EMPHASIS


def main() -> None:
    """Run the stages in order."""
    parser = argparse.ArgumentParser(prog="python -m server.training.mini", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for clips, latents and checkpoints")
    parser.add_argument("--out", type=Path, default=EMBEDDED, help="model folder to write")
    parser.add_argument(
        "--warm-start", type=Path, help="model folder to begin with, of whichever size; from nothing if absent"
    )
    parser.add_argument("--clips", type=int, default=10_000, help="number of training clips")
    parser.add_argument("--minutes", type=float, nargs=3, default=(60, 60, 60), metavar=("VAE", "RGB", "RGBA"))
    parser.add_argument("--learning-rate", type=float, default=1.0, help="times the transformer's usual rates")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ranks.join()
    work: Path = arguments.work

    # 1. Clips and captions
    with ranks.first_alone():
        clips.make(work, CONFIG, arguments.clips)
    array, records = clips.load(work)

    # 2. Autoencoder, and every clip's latents
    vae = autoencoder.train(work, array, CONFIG, arguments.minutes[0], start=arguments.warm_start)
    with ranks.first_alone():
        latents = _latents(work, vae, array, records)

    # 3. RGB base, then RGB and alpha jointly
    torch.manual_seed(0)
    tokenizer, encoder = text.build(CONFIG)
    captions = [caption for record in records for caption in record["captions"]]
    tokens = text.tokenize(tokenizer, captions, CONFIG).unflatten(0, (len(records), -1))  # (N, captions, L)
    empty = text.tokenize(tokenizer, [""], CONFIG)
    model = transformer.Denoiser(encoder, transformer.build(CONFIG), CONFIG)
    if arguments.warm_start:
        transformer.warm_start(model, arguments.warm_start)
    rate = arguments.learning_rate
    transformer.train_rgb(work, model, latents, tokens, empty, arguments.minutes[1], rate=rate, compiled=True)
    if ranks.rank() == 0:
        export.export_base(work / "rgb_base", vae, tokenizer, model)  # what the ablations begin with
    transformer.train_rgba(
        work, model, latents, tokens, empty, CONFIG, arguments.minutes[2], start=arguments.warm_start, rate=rate,
        compiled=True,
    )  # fmt: skip

    # 4. The model folder
    if ranks.rank() == 0:
        export.export(arguments.out, vae, tokenizer, model, CONFIG)
        print(f"wrote {arguments.out}", flush=True)


def _latents(
    work: Path, vae: autoencoder.AutoencoderKLCogVideoX, array: clips.NDArray, records: list[dict[str, Any]]
) -> transformer.Latents:
    def encode(name: str, part: clips.NDArray) -> torch.Tensor:
        path = work / f"{name}.pt"
        if not path.exists():
            latents = autoencoder.encode_all(vae, part)
            with new_file(path) as partial:
                torch.save(latents, partial)
        return torch.load(path, weights_only=True)

    return transformer.Latents(
        encode("latents", array),
        encode("first_frames", array[:, :1]),  # encoded alone, as an artist's picture will be
        torch.tensor([EMPHASIS.get(record["family"], 1.0) for record in records]),
    )


if __name__ == "__main__":
    main()
