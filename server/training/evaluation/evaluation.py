"""Measures a model: `evaluate(folder, count=105)`; docs/evaluation.md says what each figure means."""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from server.training.evaluation import figures, measures
from server.training.evaluation.classifier import load_classifier
from server.training.evaluation.figures import Figure
from server.training.evaluation.held_out import Prompt, prompts, real_clip
from server.training.evaluation.measures import Clip
from server.training.evaluation.subject import Subject

Progress = Callable[[str, int, int], None]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Sampled:
    """A clip that the model made of a held-out caption, and what the classifier takes it for."""

    prompt: Prompt
    clip: Clip
    named: str
    colour_group: str
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of a model.

    Attributes:
        model: its name.
        figures: in the order of the table.
        sampled: the clips, in the order of their prompts.
        threads: CPU threads that torch was allowed.
        device: what the model ran on.
    """

    model: str
    effects: list[str]
    figures: list[Figure]
    sampled: list[Sampled] = field(repr=False)
    threads: int
    device: str


def evaluate(
    model_folder: Path,
    *,
    count: int = 105,
    real_count: int = 60,
    device: str = "cpu",
    hub_folder: Path | None = None,
    progress: Progress = lambda phase, done, total: None,
) -> Evaluation:
    """Measure the model in a folder.

    Args:
        model_folder: holds a transpixar.json that lists `effects`.
        count: clips to sample from prompts, the effects in turn. What the model can do besides (a first frame, footage)
            is measured on a third of that each.
        real_count: real clips for the ceilings and the autoencoder.
        device: torch's name of it.
        hub_folder: where downloads lie, for a model that has some.
        progress: called with a phase, and how much of it is done.

    Raises:
        ModelFolderError: the folder holds no model that can be evaluated.
        FileNotFoundError: the effect classifier is missing.
    """
    load_classifier()  # before minutes are spent
    subject = Subject(model_folder, hub_folder, device=device)
    real = [_real(subject, i) for i in _told(range(real_count), real_count, "real clips", progress)]
    tasks = subject.description.tasks
    sampled: list[Sampled] = []
    found: list[Figure] = []
    for prompt, first in _told(_wanted(subject, count), count, "prompts", progress):
        sampled.append(_sample(subject, prompt, first))
    found += _colour(sampled, real) + _effect(sampled, real) + _alignment(sampled, real)
    found += _autoencoder(subject, [clip for _, clip in real], progress)
    found.append(figures.mean("seconds_per_clip", "seconds a clip", [one.seconds for one in sampled]))
    third = max(count // 3, 1)
    if "image" in tasks:
        found += _first_frames(subject, third, progress)
    if "footage" in tasks:
        found += _footage(subject, third, progress)
    return Evaluation(
        subject.description.name, subject.effects, found, sampled, threads=torch.get_num_threads(), device=device
    )


def by_family(sampled: Iterable[Sampled]) -> dict[str, dict[str, float | str]]:
    """For each effect: how often colour and effect are right, and what it is taken for otherwise."""
    groups: dict[str, list[Sampled]] = defaultdict(list)
    for one in sampled:
        groups[one.prompt.family].append(one)
    table: dict[str, dict[str, float | str]] = {}
    for family, members in groups.items():
        wrong = sorted({one.named for one in members} - {family})
        table[family] = {
            "effect_right": float(np.mean([one.named == family for one in members])),
            "colour_right": float(np.mean([measures.colour_is_right(m.clip, m.prompt.colour) for m in members])),
            "taken_for": ", ".join(wrong),
        }
    return table


def _real(subject: Subject, index: int) -> tuple[Prompt, Clip]:
    """A procedural clip of unseen seed, and what its look is as a prompt."""
    family = subject.effects[index % len(subject.effects)]
    look, clip = real_clip(index, *subject.shape, family=family)
    return Prompt(f"{look.colour} {look.family}", look.family, look.colour, seed=index), clip


def _wanted(subject: Subject, count: int) -> list[tuple[Prompt, Clip | None]]:
    """Held-out captions; where a first frame is needed, those of real clips, and the clips, whose first frames are."""
    if "text" in subject.description.tasks:
        return [(prompt, None) for prompt in prompts(subject.effects, count)]
    return [_real(subject, 30_000 + i) for i in range(count)]


def _sample(subject: Subject, prompt: Prompt, first: Clip | None) -> Sampled:
    began = time.monotonic()
    clip = subject.sample(prompt.text, prompt.seed, **({} if first is None else {"image": subject.first_frame(first)}))
    seconds = time.monotonic() - began
    (named,) = load_classifier().classify([clip])
    return Sampled(prompt, clip, named, measures.colour_group(measures.mean_colour(clip)), seconds)


def _colour(sampled: list[Sampled], real: list[tuple[Prompt, Clip]]) -> list[Figure]:
    right = [one.colour_group == measures.GROUP_OF[one.prompt.colour] for one in sampled]
    control = [one.colour_group == measures.GROUP_OF[other.prompt.colour] for one, other in _shuffled(sampled)]
    ceiling = np.mean([measures.colour_is_right(clip, prompt.colour) for prompt, clip in real])
    return [figures.share("colour_right", "colour right", right, real=float(ceiling), control=float(np.mean(control)))]


def _effect(sampled: list[Sampled], real: list[tuple[Prompt, Clip]]) -> list[Figure]:
    right = [one.named == one.prompt.family for one in sampled]
    control = [one.named == other.prompt.family for one, other in _shuffled(sampled)]
    named = load_classifier().classify([clip for _, clip in real])
    ceiling = np.mean([name == prompt.family for name, (prompt, _) in zip(named, real, strict=True)])
    return [figures.share("effect_right", "effect right", right, real=float(ceiling), control=float(np.mean(control)))]


def _alignment(sampled: list[Sampled], real: list[tuple[Prompt, Clip]]) -> list[Figure]:
    clips = [(one.prompt.family, one.clip) for one in sampled]
    originals = [(prompt.family, clip) for prompt, clip in real]
    matched, mismatched = _overlaps(clips)
    empty, real_empty = _where_nothing(clip for _, clip in clips), _where_nothing(clip for _, clip in originals)
    ceiling = float(np.mean(_overlaps(originals)[0]))
    control = float(np.mean(mismatched)) if mismatched else None
    return [
        figures.mean("rgb_alpha_iou", "RGB-alpha soft IoU", matched, real=ceiling, control=control),
        figures.mean("alpha_where_nothing", "mean alpha where nothing is", empty, real=float(np.mean(real_empty))),
    ]


def _overlaps(clips: list[tuple[str, Clip]]) -> tuple[list[float], list[float]]:
    """Soft IoU of each clip's colour with its own alpha, and with that of the next clip of its family."""
    matched = [measures.soft_iou(measures.colour_mask(clip), clip[..., 3]) for _, clip in clips]
    families: dict[str, list[Clip]] = defaultdict(list)
    for family, clip in clips:
        families[family].append(clip)
    pairs = (
        pair for members in families.values() if len(members) > 1 for pair in itertools.pairwise([*members, members[0]])
    )
    return matched, [measures.soft_iou(measures.colour_mask(one), other[..., 3]) for one, other in pairs]


def _where_nothing(clips: Iterable[Clip]) -> list[float]:
    return [value for clip in clips if (value := measures.alpha_where_nothing(clip)) is not None]


def _autoencoder(subject: Subject, clips: list[Clip], progress: Progress) -> list[Figure]:
    errors: dict[str, list[float]] = {"rgb": [], "alpha": []}
    for clip in _told(clips, len(clips), "autoencoder", progress):
        rebuilt = subject.reconstruct(clip)
        errors["rgb"].append(measures.squared_error(clip[..., :3], rebuilt[..., :3]))
        errors["alpha"].append(measures.squared_error(clip[..., 3], rebuilt[..., 3]))
    return [
        figures.decibels("vae_psnr_rgb", "autoencoder PSNR RGB, dB", errors["rgb"]),
        figures.decibels("vae_psnr_alpha", "autoencoder PSNR alpha, dB", errors["alpha"]),
    ]


def _first_frames(subject: Subject, count: int, progress: Progress) -> list[Figure]:
    """How well clips begin with a given frame, and whether they then move as real ones do."""
    errors, swapped, moving, real_moving = [], [], [], []
    originals = [_real(subject, 10_000 + i) for i in range(count)]
    for i, (prompt, original) in enumerate(_told(originals, count, "first frames", progress)):
        clip = subject.sample(prompt.text, i, image=subject.first_frame(original))
        errors.append(measures.squared_error(original[0], clip[0]))
        swapped.append(measures.squared_error(originals[(i + 1) % count][1][0], clip[0]))
        moving.append(measures.motion(clip))
        real_moving.append(measures.motion(original))
    other = measures.psnr(float(np.mean(swapped)))
    ceiling = float(np.mean(real_moving))
    return [
        figures.decibels("first_frame_psnr", "first frame PSNR, dB", errors, control=other),
        figures.mean("first_frame_motion", "motion after a first frame", moving, real=ceiling),
    ]


def _footage(subject: Subject, count: int, progress: Progress) -> list[Figure]:
    """How far the alpha found for footage on black is from the true one; the control is an empty alpha's error."""
    errors, overlaps, empty = [], [], []
    for i in _told(range(count), count, "footage", progress):
        prompt, original = _real(subject, 20_000 + i)
        alpha = subject.sample(prompt.text, i, rgb_video=original[..., :3])[..., 3]
        errors.append(float(np.abs(alpha - original[..., 3]).mean()))
        overlaps.append(measures.soft_iou(alpha, original[..., 3]))
        empty.append(float(original[..., 3].mean()))
    return [
        figures.mean("footage_alpha_error", "alpha for footage, error", errors, control=float(np.mean(empty))),
        figures.mean("footage_alpha_iou", "alpha for footage, soft IoU", overlaps),
    ]


def _shuffled(sampled: list[Sampled]) -> list[tuple[Sampled, Sampled]]:
    """Every clip beside another one, whose prompt is not its own: a fixed random circle."""
    circle = np.random.default_rng(0).permutation(len(sampled)).tolist()
    return [(sampled[i], sampled[j]) for i, j in zip(circle, circle[1:] + circle[:1], strict=True)]


def _told(items: Iterable[_Item], total: int, phase: str, progress: Progress) -> Iterable[_Item]:
    for done, item in enumerate(items):
        progress(phase, done, total)
        yield item
    progress(phase, total, total)
