"""`python -m server.training.evaluation.classifier_training --work DIR`: train the effect classifier.

DIR holds the training clips of `mini` (`clips.npy`, `clips.json`); they are made when they are not there. What is
reported is the share of unseen procedural clips that the classifier names rightly.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from server.files import new_file
from server.training.effects import FAMILIES
from server.training.evaluation.classifier import WEIGHTS, EffectClassifier, features, load_classifier
from server.training.evaluation.held_out import CLASSIFIER_TEST_SEED, real_clip
from server.training.mini import clips
from server.training.mini.config import CONFIG


def main() -> None:
    """Train, test, write the weights."""
    parser = argparse.ArgumentParser(prog="python -m server.training.evaluation.classifier_training")
    parser.add_argument("--work", type=Path, required=True, help="folder with clips.npy, or where to make it")
    parser.add_argument("--clips", type=int, default=9000, help="number of clips to make where there are none")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--test", type=int, default=450, help="number of unseen clips to test with")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    clips.make(arguments.work, CONFIG, arguments.clips)
    array, records = clips.load(arguments.work)
    families = list(FAMILIES)
    labels = torch.tensor([families.index(record["family"]) for record in records])
    seen = np.stack([(features(clip / np.float32(255)) * 255).round().astype(np.uint8) for clip in array])
    classifier = train(seen, labels, families, arguments.epochs)
    accuracy, confused = test(classifier, arguments.test)
    print(f"right on {accuracy:.1%} of {arguments.test} unseen clips; confused most often: {confused}", flush=True)
    save(classifier, arguments.out, {"clips": str(len(array)), "test_accuracy": f"{accuracy:.4f}"})
    load_classifier(arguments.out)


def train(seen: NDArray[np.uint8], labels: Tensor, families: Sequence[str], epochs: int) -> EffectClassifier:
    """Train on features (N, 10, 48, 48) in 0..255 and family numbers (N,)."""
    torch.manual_seed(0)
    classifier = EffectClassifier(families).train()
    batches = len(labels) // 64
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    for epoch in range(epochs):
        right = 0
        for index in torch.randperm(len(labels))[: batches * 64].view(batches, 64):
            batch = augment(torch.from_numpy(seen[index.numpy()]).float() / 255)
            scores = classifier(batch)
            F.cross_entropy(scores, labels[index], label_smoothing=0.05).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            right += int((scores.argmax(dim=1) == labels[index]).sum())
        print(f"epoch {epoch + 1}/{epochs}: right on {right / batches / 64:.1%} of the training clips", flush=True)
    return classifier.eval()


def augment(batch: Tensor) -> Tensor:
    """Mirror, move, blur and dim features (N, 10, 48, 48): what an autoencoder does to a clip should not matter."""
    if torch.rand(()) < 0.5:
        batch = batch.flip(-1)
    shift = torch.randint(-4, 5, (2,)).tolist()
    batch = F.pad(batch, (4, 4, 4, 4))[..., 4 + shift[0] :, 4 + shift[1] :][..., :48, :48]
    blurred = F.avg_pool2d(batch, 3, stride=1, padding=1)
    share = torch.rand(len(batch), 1, 1, 1) * (torch.rand(len(batch), 1, 1, 1) < 0.5)
    batch = torch.lerp(batch, blurred, share) * (0.8 + 0.2 * torch.rand(len(batch), 1, 1, 1))
    return (batch + 0.02 * torch.randn(batch.shape)).clamp(0, 1)


def test(classifier: EffectClassifier, count: int) -> tuple[float, str]:
    """The share of unseen clips that is named rightly, and the three commonest mistakes."""
    right, mistakes = 0, Counter[str]()
    families = classifier.families
    for i in range(count):
        family = families[i % len(families)]
        _, clip = real_clip(i, CONFIG.num_frames, CONFIG.size, CONFIG.size, family=family, seed=CLASSIFIER_TEST_SEED)
        (named,) = classifier.classify([clip])
        right += named == family
        if named != family:
            mistakes[f"{family} as {named}"] += 1
    return right / count, ", ".join(f"{what} ({n})" for what, n in mistakes.most_common(3)) or "nothing"


def save(classifier: EffectClassifier, path: Path, metadata: dict[str, str]) -> None:
    """Write the weights in half precision."""
    tensors = {
        key: value.half() if value.is_floating_point() else value for key, value in classifier.state_dict().items()
    }
    with new_file(path) as partial:
        save_file(tensors, partial, metadata | {"families": ",".join(classifier.families)})


if __name__ == "__main__":
    main()
