"""What can be opened as a clip, and what is said of that which cannot."""

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.media.clip_reader import open_clip
from server.media.colour import premultiplied, quantised
from server.media.errors import MediaError
from server.media.ffmpeg import location, output_of
from server.media.formats import FORMATS, export
from server.media.images import image_spec, write_image, writing
from server.media.numbering import ranges
from tests.server.media.made_streams import effect, read, stream_of

FRAMES = effect(32, 24, 5)


def sequence(folder: Path, pattern: str = "shot_%04d.png", first: int = 1, frames: np.ndarray = FRAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=first):
        write_image(folder / (pattern % number), quantised(frame, 8), {})
    return folder


def exported(format: str, folder: Path, frames: np.ndarray = FRAMES, fps: int = 24) -> Path:
    return export(stream_of(frames, Fraction(fps)), format, folder / ("clip" + FORMATS[format].suffix))


def without_tags(movie: Path) -> Path:
    """The same movie as another program would have written it."""
    bare = movie.with_name("bare" + movie.suffix)
    arguments = ["-v", "error", "-i", location(movie), "-map_metadata", "-1", "-c", "copy", location(bare)]
    assert output_of(arguments)[2] == 0
    return bare


# What there is to open


@pytest.mark.parametrize("name", ["", "shot_0003.png", "shot_####.png", "shot_%04d.png"])
def test_a_sequence_by_its_folder_a_frame_or_its_pattern(tmp_path: Path, name: str) -> None:
    clip = open_clip(sequence(tmp_path / "frames") / name)

    np.testing.assert_array_equal(read(clip), FRAMES)
    assert clip.info.notes == (
        f"{clip.info.name if name else 'shot_####.png'} does not name its frame rate; 24 frames a second are assumed "
        "(--input-fps).",
    )


@pytest.mark.parametrize(
    ("pattern", "first"), [("%d.png", 8), ("a.b-%03d.png", 0), ("v2_%06d.png", 1001), ("take 3 %d.png", 95)]
)
def test_numbers_may_be_any_and_padded_in_any_way(tmp_path: Path, pattern: str, first: int) -> None:
    folder = sequence(tmp_path / "frames", pattern, first, effect(8, 8, 12))

    np.testing.assert_array_equal(read(open_clip(folder)), effect(8, 8, 12))


def test_a_clip_folder_knows_its_rate_and_prompt(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "frames", "%04d.png")
    sidecar = write_sidecar(folder, FRAMES)

    for path in (folder, sidecar):
        clip = open_clip(path)
        np.testing.assert_array_equal(read(clip), FRAMES)
        assert clip.info.fps == 8
        assert clip.info.metadata == {"prompt": "orange smoke", "seed": "7", "model": "tiny"}


@pytest.mark.parametrize("kind", ["folders", "movies"])
def test_a_pair_of_colour_and_matte_as_matting_data_sets_have_them(tmp_path: Path, kind: str) -> None:
    export(stream_of(FRAMES), "png8", tmp_path / "colour")
    if kind == "folders":
        shutil.move(exported("matte", tmp_path), tmp_path / "pair" / "pha")
        shutil.move(tmp_path / "colour", tmp_path / "pair" / "fgr")
    else:
        (tmp_path / "pair").mkdir()
        shutil.move(exported("matte-movie", tmp_path), tmp_path / "pair" / "pha.mov")
        shutil.move(exported("ffv1", tmp_path), tmp_path / "pair" / "fgr.mkv")

    np.testing.assert_allclose(read(open_clip(tmp_path / "pair")), FRAMES, atol=1e-6)


def test_premultiplied_and_straight_tiff_are_told_apart(tmp_path: Path) -> None:
    for name, frame, straight in (("s", FRAMES[0], 1), ("p", premultiplied(FRAMES[0]), 0)):
        spec = image_spec(32, 24, 4, "uint16", {"oiio:UnassociatedAlpha": straight})
        with writing(tmp_path / f"{name}_1.tif", spec) as output:
            output.write_image(quantised(frame, 16))
    one, other = open_clip(tmp_path / "s_1.tif"), open_clip(tmp_path / "p_1.tif")

    assert (one.info.alpha_mode, other.info.alpha_mode) == ("straight", "premultiplied")
    visible = FRAMES[0, ..., 3] > 0.1
    np.testing.assert_allclose(read(one)[0], FRAMES[0], atol=1e-4)
    np.testing.assert_allclose(read(other)[0][visible], FRAMES[0][visible], atol=1e-3)


def test_a_part_of_an_exr_stands_where_it_belongs(tmp_path: Path) -> None:
    spec = image_spec(2, 3, 4, "half", {})
    spec.x, spec.y, spec.full_width, spec.full_height = 5, 1, 10, 8
    with writing(tmp_path / "crop.exr", spec) as output:
        output.write_image(np.ones((3, 2, 4), np.float32))
    frame = read(open_clip(tmp_path / "crop.exr"))[0]

    assert frame.shape == (8, 10, 4)
    assert frame[1:4, 5:7].min() == pytest.approx(1)
    assert frame.sum() == pytest.approx(3 * 2 * 4)


def test_a_sheet_of_another_program_with_trimmed_frames(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8, 4), np.uint8)
    pixels[:, :3], pixels[:, 4:7] = (255, 0, 0, 255), (0, 255, 0, 128)
    Image.fromarray(pixels).save(tmp_path / "hero.png")
    sprite = {"rotated": False, "trimmed": True, "sourceSize": {"w": 6, "h": 5}, "duration": 100}
    inside = {"x": 2, "y": 1, "w": 3, "h": 4}
    frames = {
        f"hero {n}.aseprite": {**sprite, "frame": {"x": 4 * n, "y": 0, "w": 3, "h": 4}, "spriteSourceSize": inside}
        for n in range(2)
    }
    (tmp_path / "hero.json").write_text(json.dumps({"frames": frames, "meta": {"image": "hero.png", "scale": "1"}}))
    clip = open_clip(tmp_path / "hero.json")
    first, second = read(clip)

    assert (clip.info.width, clip.info.height, clip.info.fps) == (6, 5, 10)
    assert not first[0].any() and not first[:, :2].any() and not first[:, 5:].any()
    np.testing.assert_array_equal(first[1, 2], [1, 0, 0, 1])
    np.testing.assert_allclose(second[4, 4], [0, 1, 0, 128 / 255], atol=1e-6)


# Straight or premultiplied


@pytest.mark.parametrize("format", ["prores4444", "prores4444-straight", "qtrle", "ffv1"])
def test_the_alpha_of_a_movie_that_does_not_name_it_is_seen_from_its_colours(tmp_path: Path, format: str) -> None:
    clip = open_clip(without_tags(exported(format, tmp_path, effect(64, 48, 5))))

    assert clip.info.alpha_mode == FORMATS[format].alpha_mode
    assert "does not name its alpha" in clip.info.notes[0]


def test_what_is_said_wins(tmp_path: Path) -> None:
    movie = exported("ffv1", tmp_path, premultiplied(FRAMES))
    clip = open_clip(movie, alpha="premultiplied", fps=Fraction(12))
    visible = FRAMES[..., 3] > 0.5

    np.testing.assert_allclose(read(clip)[visible], FRAMES[visible], atol=2 / 255)
    assert clip.info.fps == 12


def test_footage_without_alpha_is_taken_when_asked_for(tmp_path: Path) -> None:
    for number in range(1, 3):
        Image.new("RGB", (8, 6), (255, 0, 0)).save(tmp_path / f"{number}.png")
    with pytest.raises(MediaError, match=r"1\.png has no alpha; name its matte with --matte"):
        open_clip(tmp_path)
    frames = read(open_clip(tmp_path, alpha="opaque"))

    np.testing.assert_array_equal(frames, np.broadcast_to([1, 0, 0, 1], (2, 6, 8, 4)))


# Bad input: one sentence that names it


def damaged(path: Path, keep: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


@pytest.mark.parametrize("format", ["prores4444", "ffv1", "qtrle", "webm", "webp"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_never_a_shorter_clip(tmp_path: Path, format: str, keep: float) -> None:
    path = damaged(exported(format, tmp_path, effect(64, 48, 12)), keep)
    with pytest.raises(MediaError, match=rf"clip\.{path.suffix[1:]} .*") as error:
        read(open_clip(path))
    assert str(tmp_path) not in str(error.value)


def test_a_damaged_middle_is_noticed(tmp_path: Path) -> None:
    path = exported("ffv1", tmp_path, effect(64, 48, 12))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 32] = bytes(32)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"clip\.mkv (cannot be read after frame \d+|is )"):
        read(open_clip(path))


@pytest.mark.parametrize("suffix", [".png", ".exr"])
def test_a_truncated_frame_is_named(tmp_path: Path, suffix: str) -> None:
    folder = exported("png8" if suffix == ".png" else "exr", tmp_path, effect(64, 48, 3))
    damaged(folder / f"0002{suffix}")
    with pytest.raises(MediaError, match=rf"^0002\{suffix} is (damaged|no image)"):
        read(open_clip(folder))


def remove_frames(folder: Path) -> None:
    for number in (4, 6, 7, 8):
        (folder / f"shot_{number:04d}.png").unlink()


def another_size(folder: Path) -> None:
    write_image(folder / "shot_0003.png", np.zeros((5, 7, 4), np.uint8), {})


def another_depth(folder: Path) -> None:
    write_image(folder / "shot_0003.png", np.zeros((24, 32, 4), np.uint16), {})


def no_alpha_once(folder: Path) -> None:
    write_image(folder / "shot_0003.png", np.zeros((24, 32, 3), np.uint8), {})


def a_number_twice(folder: Path) -> None:
    shutil.copy(folder / "shot_0003.png", folder / "shot_003.png")


def another_sequence(folder: Path) -> None:
    shutil.copy(folder / "shot_0003.png", folder / "other_0003.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove_frames, r"shot_####\.png goes from 1 to 10, but 4 and 6 to 8 are missing; render or copy them again"),
        (another_size, r"shot_0003\.png is 7 x 5 and shot_0001\.png 32 x 24; all frames of a clip must have the same"),
        (another_depth, r"shot_0003\.png has 16 bits and shot_0001\.png 8; all frames of a clip"),
        (no_alpha_once, r"shot_0003\.png has no alpha and shot_0001\.png has straight alpha"),
        (a_number_twice, r"shot_0003\.png and shot_003\.png are both frame 3; remove one"),
        (another_sequence, r"There are several sequences in .* \(other_####\.png, shot_####\.png\); name one"),
    ],
)
def test_sequences_that_are_not_one_clip(tmp_path: Path, change: Callable[[Path], None], message: str) -> None:
    folder = sequence(tmp_path / "frames", frames=effect(32, 24, 10))
    change(folder)
    with pytest.raises(MediaError, match=message):
        read(open_clip(folder))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", b"", r"a\.xyz is of no known kind; clips are folders"),
        ("a.png", b"text", r"a\.png is no image that can be read"),
        ("a.mov", b"text", r"a\.mov is no movie that can be read"),
        ("a.webp", b"text", r"a\.webp is no WebP that can be read"),
        ("a.json", b"text", r"a\.json does not describe a sprite sheet"),
        ("a.json", b"{}", r"a\.json does not describe a sprite sheet \(frames"),
        ("a.transpixar", b"{}", r"a\.transpixar: This is no clip"),
    ],
)
def test_files_that_are_no_clips(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=message):
        open_clip(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a.mov", "a_001.png", "a_###.exr", "a.webp", "a.json", "a.transpixar", "folder", "x/y.png"]
)
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match=r"There is no|cannot be read"):
        open_clip(tmp_path / name)


def test_an_exr_with_values_that_are_no_numbers(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), np.nan, np.float32)
    write_image(tmp_path / "bad.exr", pixels, {})
    with pytest.raises(MediaError, match=r"bad\.exr holds values that are no numbers"):
        read(open_clip(tmp_path / "bad.exr"))


def test_integers_of_32_bits_are_a_depth_that_nobody_exchanges(tmp_path: Path) -> None:
    with writing(tmp_path / "deep.tif", image_spec(4, 4, 4, "uint", {})) as output:
        output.write_image(np.zeros((4, 4, 4), np.uint32))
    with pytest.raises(MediaError, match=r"deep\.tif has pixels of the type uint; save it with 8 or 16 bits"):
        open_clip(tmp_path / "deep.tif")


def test_a_matte_must_fit(tmp_path: Path) -> None:
    colour = sequence(tmp_path / "colour")
    small = export(stream_of(effect(16, 24, 5)), "matte", tmp_path / "small")
    short = export(stream_of(effect(32, 24, 4)), "matte", tmp_path / "short")
    with pytest.raises(MediaError, match=r"is 32 x 24 and its matte small 16 x 24; both must"):
        open_clip(colour, matte=small)
    with pytest.raises(MediaError, match=r"has 5 frames and its matte short 4; both must"):
        open_clip(colour, matte=short)


def test_a_frame_that_a_sidecar_lists_and_nobody_has(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "frames", "%04d.png")
    write_sidecar(folder, FRAMES)
    (folder / "0002.png").unlink()
    with pytest.raises(MediaError, match=r"0002\.png is missing from frames"):
        open_clip(folder)


def test_without_ffmpeg_movies_and_only_movies_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie, images = exported("ffv1", tmp_path), sequence(tmp_path / "frames")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-ffmpeg"))
    with pytest.raises(MediaError, match="There is no ffmpeg, which movies need; install the Python package"):
        open_clip(movie)
    with pytest.raises(MediaError, match="There is no ffmpeg"):
        export(open_clip(images), "prores4444", tmp_path / "out.mov")
    assert not (tmp_path / "out.mov").exists()
    np.testing.assert_array_equal(read(open_clip(images)), FRAMES)


@given(st.sets(st.integers(0, 60), min_size=1, max_size=20))
def test_ranges_name_every_number_once(numbers: set[int]) -> None:
    named: set[int] = set()
    text = ranges(sorted(numbers))
    for part in text.replace(" and ", ", ").split(", "):
        if part.endswith(" more"):
            return
        first, _, last = part.partition(" to ")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == numbers


def write_sidecar(folder: Path, frames: np.ndarray) -> Path:
    count, height, width, _ = frames.shape
    request = {
        "prompt": "orange smoke",
        "negative_prompt": "",
        "seed": 7,
        "width": width,
        "height": height,
        "num_frames": count,
        "steps": 2,
        "guidance": 4.0,
        "cfg_schedule": "constant",
        "text_to_alpha": "strict",
        "model": "tiny",
    }
    about = {
        "job": "1a2b3c4d" + "0" * 24,
        "request": request,
        "fps": 8,
        "frame_count": count,
        "width": width,
        "height": height,
        "model": {"name": "tiny", "title": "Tiny", "licence": "none"},
        "versions": {},
        "created_at": "2026-01-31T12:00:00.000Z",
        "sha256": {},
    }
    path = folder / "orange-smoke.transpixar"
    path.write_text(json.dumps(about), "utf-8")
    return path


def test_a_prompt_of_another_program_is_not_ours(tmp_path: Path) -> None:
    write_image(tmp_path / "comfy_1.png", quantised(FRAMES[0], 8), {"prompt": '{"3": {"class_type": "KSampler"}}'})

    assert open_clip(tmp_path / "comfy_1.png").info.metadata == {}
