"""Folders of clips become latents: once, whole, and by several processes at a time."""

import json
import multiprocessing
import os
from fractions import Fraction

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLCogVideoX

from server.training.data.base_model import BaseModelFacts
from server.training.data.buckets import Bucket
from server.training.data.cache import LatentCache, Pick
from server.training.data.cache_index import latents_file, text_file
from server.training.data.encoding import TextEncoder
from server.training.data.errors import DataError
from server.training.data.preparing import prepare
from server.training.data.sampler import BucketSampler
from server.training.data.settings import settings_for
from tests.server.media.made_streams import effect
from tests.server.training.data_folders import captioned, clip_folder, movie, pair
from tests.server.training.keyed_frames import GREEN, SKIN, disc, photographed
from tests.tiny_model import MAX_SEQUENCE_LENGTH, write_tiny_model

CLIP = effect(32, 32, 5)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def model(model_folder):
    return BaseModelFacts.read(model_folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    return tmp_path / "clips"


def files_of(cache):
    return {path: path.stat().st_mtime_ns for path in sorted(cache.rglob("*.safetensors"))}


def test_what_the_model_says_of_itself(model):
    assert (model.width, model.height, model.num_frames, model.fps) == (32, 32, 5, 8)
    assert (model.size_multiple, model.lengths(), model.text_length) == (16, [1, 3, 5, 7, 9], MAX_SEQUENCE_LENGTH)
    assert (model.rgb, model.is_image_to_video) == ("premultiplied", False)


def test_every_format_comes_out_as_the_same_latents(folder, tmp_path, model):
    captioned(movie(folder / "a_ffv1.mkv", CLIP), "orange fire")
    captioned(movie(folder / "b_png", CLIP), "orange fire")
    captioned(movie(folder / "c_prores.mov", CLIP), "orange fire")
    captioned(movie(folder / "d_webm.webm", CLIP), "orange fire")
    captioned(movie(folder / "e_exr", CLIP, format="exr"), "orange fire")
    captioned(movie(folder / "f_qtrle.mov", CLIP, format="qtrle"), "orange fire")
    pair(folder / "set", "pair", CLIP, as_movies=False)
    (folder / "set" / "pair.txt").write_text("orange fire")
    clip_folder(folder, CLIP, "orange fire")
    prepared = prepare(folder, model, tmp_path / "cache", settings_for(model, fps="own", decontaminate="off"))
    assert prepared.report.is_usable
    assert (prepared.clips, prepared.made) == (8, 8)

    cache = LatentCache.open(prepared.cache)
    first = cache[0]
    assert first.latents.shape == (2, 4, 3, 8, 8)
    assert first.latents.dtype == torch.float16
    assert (first.first_frame, first.bucket) == (None, Bucket(32, 32, 5))
    assert first.text.shape == cache.empty_text.shape == (MAX_SEQUENCE_LENGTH, 32)
    spread = first.latents.std()
    for number in range(1, len(cache)):
        assert (cache[number].latents - first.latents).abs().mean() < 0.08 * spread, cache.name(number)
        assert torch.equal(cache[number].text, first.text)


def test_latents_are_those_of_rgb_on_black_and_of_grey_alpha(folder, tmp_path, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    cache = LatentCache.open(prepare(folder, model, tmp_path / "cache", settings_for(model, decontaminate="off")).cache)
    vae = AutoencoderKLCogVideoX.from_pretrained(model.folder, subfolder="vae")
    halves = np.stack([CLIP[..., :3] * CLIP[..., 3:], CLIP[..., 3:].repeat(3, axis=-1)])
    with torch.no_grad():
        # (2, F, H, W, 3) -> (2, 3, F, H, W)
        pixels = torch.from_numpy(halves).permute(0, 4, 1, 2, 3) * 2 - 1
        expected = torch.cat([vae.encode(half[None]).latent_dist.mode() for half in pixels])
    torch.testing.assert_close(cache[0].latents.float(), expected, atol=4e-3, rtol=4e-3)
    assert cache.index.rgb == "premultiplied"


def test_text_is_what_the_text_encoder_says(folder, tmp_path, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire", "blue smoke")
    cache = LatentCache.open(prepare(folder, model, tmp_path / "cache", settings_for(model)).cache)
    encode = TextEncoder(model, torch.device("cpu"), torch.float32)
    assert torch.equal(cache[Pick(0, 1)].text, encode("blue smoke"))
    assert torch.equal(cache[0].text, encode("orange fire"))
    assert torch.equal(cache.empty_text, encode(""))
    assert cache.captions(0) == ("orange fire", "blue smoke")
    picked = {pick.caption for _, (pick,) in zip(range(20), BucketSampler(cache, 1, seed=1), strict=False)}
    assert picked == {0, 1}


def test_a_caption_that_is_too_long_is_named(folder, tmp_path, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire", "a puff of orange smoke and a puff of blue smoke and water")
    prepared = prepare(folder, model, tmp_path / "cache", settings_for(model))
    assert [str(problem) for problem in prepared.report.problems] == [
        "a.mkv: A caption of it has 14 tokens, of which the model reads the first 12; shorten it."
    ]
    assert prepared.clips == 1


def test_an_image_to_video_base_gets_first_frames(folder, tmp_path):
    base = BaseModelFacts.read(write_tiny_model(tmp_path / "i2v", image_to_video=True))
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    cache = LatentCache.open(prepare(folder, base, tmp_path / "cache", settings_for(base)).cache)
    assert cache.has_first_frames
    sample = cache[0]
    assert sample.first_frame is not None
    assert sample.first_frame.shape == (2, 4, 1, 8, 8)
    # The first latent frame of a CogVideoX autoencoder sees the first frame alone; here up to its group norms.
    assert (sample.first_frame[:, :, 0] - sample.latents[:, :, 0]).abs().mean() < sample.latents.float().std()


def test_long_clips_become_several_and_rates_and_sizes_fit(folder, tmp_path, model):
    captioned(movie(folder / "long.mkv", effect(64, 48, 30), fps=Fraction(24)), "fire")
    captioned(movie(folder / "tall.mkv", effect(24, 60, 3, seed=1)), "smoke")
    settings = settings_for(model, sizes=((32, 32), (16, 48)), lengths=(3, 5))
    cache = LatentCache.open(prepare(folder, model, tmp_path / "cache", settings).cache)
    buckets = [(cache.name(number), cache.bucket(number)) for number in range(len(cache))]
    # 30 frames at 24 a second are 10 at 8.
    assert buckets == [("long.mkv", Bucket(32, 32, 5))] * 2 + [("tall.mkv", Bucket(16, 48, 3))]
    assert cache[2].latents.shape == (2, 4, 2, 12, 4)
    assert not torch.equal(cache[0].latents, cache[1].latents)


def test_a_part_where_nothing_is_visible_is_left_out(folder, tmp_path, model):
    frames = effect(32, 32, 15)
    frames[5:10, ..., 3] = 0
    captioned(movie(folder / "a.mkv", frames), "fire that goes out and comes back")
    for _ in range(2):
        cache = LatentCache.open(prepare(folder, model, tmp_path / "cache", settings_for(model)).cache)
        assert [clip.part for clip in cache.index.clips] == [1, 3]


def test_nothing_is_made_twice_and_changes_are_noticed(folder, tmp_path, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    captioned(movie(folder / "b.mkv", effect(32, 32, 5, seed=2)), "blue smoke")
    where, settings = tmp_path / "cache", settings_for(model)
    prepare(folder, model, where, settings)
    before, fingerprint = files_of(where), LatentCache.open(where).fingerprint

    again = prepare(folder, model, where, settings)
    assert again.made == 0
    assert files_of(where) == before
    assert LatentCache.open(where).fingerprint == fingerprint

    (folder / "a.txt").write_text("green fire")
    assert prepare(folder, model, where, settings).made == 0
    assert LatentCache.open(where).captions(0) == ("green fire",)
    assert LatentCache.open(where).fingerprint != fingerprint

    (folder / "a.mkv").unlink()
    movie(folder / "a.mkv", effect(32, 32, 5, seed=3))
    assert prepare(folder, model, where, settings).made == 1
    assert prepare(folder, model, where, settings_for(model, background="blurred")).made == 2


def test_a_preparation_that_was_stopped_goes_on_where_it_was(folder, tmp_path, model):
    for number in range(3):
        captioned(movie(folder / f"{number}.mkv", effect(32, 32, 5, seed=number)), f"fire {number}")

    def stop(done, total, name):
        if done == 2:
            raise KeyboardInterrupt

    where, settings = tmp_path / "cache", settings_for(model)
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, model, where, settings, progress=stop)
    prepared = prepare(folder, model, where, settings)
    assert (prepared.clips, prepared.made) == (3, 1)


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [cut_off, flip_a_bit, os.unlink])
def test_damaged_entries_are_named_and_made_again(folder, tmp_path, model, harm):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    captioned(movie(folder / "b.mkv", effect(32, 32, 5, seed=2)), "blue smoke")
    where, settings = tmp_path / "cache", settings_for(model)
    prepare(folder, model, where, settings)
    cache = LatentCache.open(where)
    sound = cache[0]
    entry = cache.index.clips[0]
    for path in (latents_file(where, entry.latents), text_file(where, entry.texts[0])):
        harm(path)
    with pytest.raises(DataError, match="prepare the data again"):
        LatentCache.open(where)[0]

    assert prepare(folder, model, where, settings).made == 1
    mended = LatentCache.open(where)[0]
    assert torch.equal(mended.latents, sound.latents)
    assert torch.equal(mended.text, sound.text)


def test_bad_clips_are_named_and_the_others_prepared(folder, tmp_path, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    invisible = CLIP.copy()
    invisible[..., 3] = 0
    captioned(movie(folder / "b.mkv", invisible), "nothing")
    frame = sorted(captioned(movie(folder / "c", CLIP), "smoke").iterdir())[-1]
    frame.write_bytes(frame.read_bytes()[:100])
    captioned(movie(folder / "d.mkv", CLIP[:2]), "short")
    movie(folder / "e.mkv", CLIP)
    prepared = prepare(folder, model, tmp_path / "cache", settings_for(model))
    assert [(problem.clip, problem.kind) for problem in prepared.report.errors] == [
        ("d.mkv", "too-short"),
        ("e.mkv", "no-caption"),
        ("b.mkv", "empty"),
        ("c", "unreadable"),
    ]
    cache = LatentCache.open(prepared.cache)
    assert [cache.name(number) for number in range(len(cache))] == ["a.mkv"]


def test_without_a_usable_clip_there_is_no_cache(folder, tmp_path, model):
    prepared = prepare(folder, model, tmp_path / "cache", settings_for(model))
    assert (prepared.clips, prepared.report.is_usable) == (0, False)
    with pytest.raises(DataError, match="holds no prepared data"):
        LatentCache.open(prepared.cache)


def test_sizes_that_the_model_cannot_make_are_refused(model):
    with pytest.raises(DataError, match="Width 40 is not a multiple of 16; use 32 or 48"):
        settings_for(model, sizes=((40, 32),))
    with pytest.raises(DataError, match="use one of 1, 3, 5, 7, 9"):
        settings_for(model, lengths=(4,))


def prepare_in_a_process(folder, model_folder, cache, start, results):
    model = BaseModelFacts.read(model_folder)
    start.wait()
    prepared = prepare(folder, model, cache, settings_for(model))
    results.put((prepared.clips, prepared.made, prepared.report.is_usable))


def test_two_processes_prepare_the_same_folder_at_once(folder, tmp_path, model_folder):
    for number in range(6):
        captioned(movie(folder / f"{number}.mkv", effect(32, 32, 5, seed=number)), f"fire {number}")
    spawning = multiprocessing.get_context("spawn")
    start, results = spawning.Barrier(2), spawning.Queue()
    arguments = (folder, model_folder, tmp_path / "cache", start, results)
    other = spawning.Process(target=prepare_in_a_process, args=arguments)
    other.start()
    prepare_in_a_process(*arguments)
    outcomes = [results.get(timeout=120) for _ in range(2)]
    other.join(timeout=60)

    assert [(clips, usable) for clips, _, usable in outcomes] == [(6, True)] * 2
    assert sum(made for _, made, _ in outcomes) == 6
    cache = LatentCache.open(tmp_path / "cache")
    assert sorted(cache.captions(number)[0] for number in range(6)) == [f"fire {number}" for number in range(6)]
    assert all(torch.isfinite(cache[number].latents).all() for number in range(6))
    assert not list((tmp_path / "cache").rglob("*.partial"))
    assert json.loads((tmp_path / "cache" / "cache.json").read_text())["base"] == "tiny"


def test_the_background_in_a_pairs_edges_does_not_reach_the_latents(folder, tmp_path, model):
    frames = np.stack([disc(32, 32, colour=SKIN)] * 5)
    keyed = np.stack([photographed(frame, GREEN) for frame in frames])
    captioned(movie(folder / "a.mkv", frames), "a clean one")
    pair(folder / "set", "b", keyed, as_movies=True)
    (folder / "set" / "b.txt").write_text("the same before a green screen")

    def distance(wish):
        settings = settings_for(model, background="blurred", decontaminate=wish)
        cache = LatentCache.open(prepare(folder, model, tmp_path / wish, settings).cache)
        return (cache[0].latents - cache[1].latents)[0].float().abs().mean()

    assert distance("auto") < distance("off") / 3
