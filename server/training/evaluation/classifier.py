"""Says which effect a clip shows: a small convolutional network that has seen procedural clips only, never a model's.

It looks at five frames of 48 x 48 pixels, at brightness and alpha, not at hue: the colour is measured by itself. Its
weights lie beside this file; `classifier_training` makes them.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("effect_classifier.safetensors")
SIZE = 48
FRAMES = 5
CHANNELS = 2 * FRAMES


class EffectClassifier(nn.Module):
    """Four convolutions, and the mean and maximum of what they find.

    Attributes:
        families: the names that the scores stand for.
    """

    def __init__(self, families: Sequence[str]) -> None:
        super().__init__()
        self.families = tuple(families)
        self.layers = nn.Sequential(
            *_layer(CHANNELS, 24, kernel=5, stride=2),  # 48 -> 24
            *_layer(24, 48, stride=2),  # 12
            *_layer(48, 96),
            nn.MaxPool2d(2),  # 6
            *_layer(96, 128),
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(256, len(self.families))

    def forward(self, features: Tensor) -> Tensor:
        """Scores (N, families) of features (N, 10, 48, 48)."""
        found = self.layers(features)  # (N, 128, 6, 6)
        pooled = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)  # (N, 256)
        return self.head(self.dropout(pooled))

    @torch.no_grad()
    def classify(self, clips: Sequence[NDArray[np.float32]]) -> list[str]:
        """The effect that each clip shows: RGBA with the colour on black, (F, H, W, 4) in 0..1."""
        self.eval()
        scores = self(torch.from_numpy(np.stack([features(clip) for clip in clips])))
        return [self.families[i] for i in scores.argmax(dim=1).tolist()]


def features(clip: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """What the classifier sees of a clip (F, H, W, 4), colour on black, in 0..1: (10, 48, 48).

    Brightness is that of the strongest channel, divided by the clip's own peak, so that a black fire is one as well.
    """
    picks = np.linspace(0, len(clip) - 1, FRAMES).round().astype(int)
    small = [cv2.resize(clip[i].astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA) for i in picks]
    frames = np.stack(small)  # (5, 48, 48, 4)
    brightness = frames[..., :3].max(axis=-1)
    peak = max(float(np.quantile(brightness, 0.995)), 0.05)
    return np.concatenate([np.minimum(brightness / peak, 1), frames[..., 3]])


@cache
def load_classifier(path: Path = WEIGHTS) -> EffectClassifier:
    """The trained classifier.

    Raises:
        FileNotFoundError: the weights are not there; the sentence says how to make them.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"The effect classifier's weights are missing ({path.name}); make them with "
            "`python -m server.training.evaluation.classifier_training --work DIR`."
        )
    with safe_open(path, "pt") as file:
        classifier = EffectClassifier(file.metadata()["families"].split(","))
        classifier.load_state_dict({key: file.get_tensor(key).float() for key in file.keys()})  # noqa: SIM118
    return classifier.eval()


def _layer(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
