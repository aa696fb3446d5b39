"""Reads every clip of a folder and says what has to be mended before it is trained on. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from server.media.stream import ClipInfo
from server.training.data.captions import Captions
from server.training.data.decontamination import CLEAN, PICTURE, Contamination, contamination_of
from server.training.data.duplicates import problems_of_duplicates
from server.training.data.finding import FoundClip, find_clips
from server.training.data.fitting import starts_of_parts
from server.training.data.judging import Observed, bucket_of, frames_at_rate, problems_of_header
from server.training.data.reading import named
from server.training.data.report import CheckedClip, Problem, Report
from server.training.data.settings import Decontaminate, PreparationSettings, Reading

Progress = Callable[[int, int, str], None]


def check(
    folder: Path,
    settings: PreparationSettings | None = None,
    *,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> Report:
    """Read all clips of a folder from their first frame to their last.

    Args:
        folder: the data.
        settings: how they would be prepared; without, nothing is said of buckets.
        reading: how the files are read; that of the settings if not given.
        progress: is called before each clip with how many are done, how many there are, and its name.

    Raises:
        DataError: there is no such folder.
    """
    reading = reading or (settings.reading if settings else Reading())
    found = find_clips(folder)
    captions = Captions(folder, found.clips)
    report = Report(folder, problems=[*found.problems, *captions.problems])
    report.add(problems_of_folder(found.clips))
    for number, clip in enumerate(found.clips):
        if progress:
            progress(number, len(found.clips), clip.name)
        checked = CheckedClip(clip.name)
        report.clips.append(checked)
        with named(clip.name, report.problems):
            report.add(_checked(clip, checked, captions, settings, reading))
    report.add(problems_of_duplicates(report.clips))
    return report


def problems_of_folder(clips: list[FoundClip]) -> Iterator[Problem]:
    """What is wrong with all of it."""
    if not clips:
        yield Problem(
            "",
            "error",
            "no-clips",
            "There are no clips in this folder; put movies with alpha, image sequences in folders, or fgr/ and pha/ "
            "there.",
        )


def describe(
    checked: CheckedClip, info: ClipInfo, captions: tuple[str, ...], settings: PreparationSettings | None
) -> None:
    """Write down what a clip's header says."""
    checked.captions = captions
    checked.width, checked.height, checked.frame_count = info.width, info.height, info.frame_count
    checked.fps, checked.alpha_mode, checked.bit_depth = str(info.fps), info.alpha_mode, info.bit_depth
    bucket = bucket_of(info, settings) if settings else None
    if settings and bucket:
        checked.bucket = str(bucket)
        frames = frames_at_rate(info, settings.fps)
        checked.parts = len(starts_of_parts(frames, bucket.num_frames, settings.most_parts))


def _checked(
    clip: FoundClip,
    checked: CheckedClip,
    captions: Captions,
    settings: PreparationSettings | None,
    reading: Reading,
) -> Iterator[Problem]:
    """Read one clip. Raises MediaError."""
    stream = clip.open(fps=reading.fps, alpha=reading.alpha)
    words = captions.of(clip, stream.info.metadata.get("prompt"))
    describe(checked, stream.info, words, settings)
    yield from problems_of_header(clip.name, stream.info, words, settings)
    observed = Observed(stream.info.frame_count)
    with closing(stream.frames()) as frames:
        for frame in frames:
            observed.add(frame)
    checked.mean_alpha, checked.highest_alpha = round(observed.mean_alpha, 5), round(observed.highest_alpha, 5)
    checked.thumbnails = observed.thumbnails
    yield from observed.problems(clip.name)
    yield from edges_of(clip, observed, settings.decontaminate if settings else "auto")[1]


def edges_of(clip: FoundClip, observed: Observed, decontaminate: Decontaminate) -> tuple[Contamination, list[Problem]]:
    """What is to be taken out of a clip's edges, and what is to be said about them."""
    is_pair = clip.matte is not None
    suspected = CLEAN if decontaminate == "off" else contamination_of(observed.kept, is_pair=is_pair)
    if decontaminate == "always":
        removed = PICTURE if suspected == CLEAN else suspected
    else:
        removed = suspected if is_pair else CLEAN
    if suspected == CLEAN:
        return removed, []
    sentence = f"Its edges may be mixed with {suspected}; if it was keyed, un-mix them with --decontaminate always."
    if removed != CLEAN:
        sentence = f"Its edges are mixed with {suspected}; preparation un-mixes them (--decontaminate off leaves them)."
    return removed, [Problem(clip.name, "warning", "background", sentence)]
