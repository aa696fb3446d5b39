"""Files that are missing, cut short, damaged or of another model are named, with the key, before anything is loaded."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from server.models import ModelDescription, ModelFolderError
from server.models.architecture import check_model
from server.models.files import ModelFiles, ModelStatus, locate, model_state
from server.models.headers import read_header
from server.models.licences import Acceptances
from server.transpixar import RGBAWeightsError, create_rgba_weights
from tests.tiny_model import make_transformer, write_tiny_model

WEIGHTS = Path("transformer/diffusion_pytorch_model.safetensors")


def files_of(folder: Path) -> ModelFiles:
    return locate(ModelDescription.read(folder), folder, folder / "hub")


def check(folder: Path) -> None:
    check_model(files_of(folder))


def edit_json(path: Path, **entries: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | entries), "utf-8")


def edit_weights(path: Path, change) -> None:
    state = load_file(path)
    change(state)
    save_file(state, path)


def split(folder: Path) -> Path:
    """Split the transformer's weights in two shards; return the index."""
    state = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    keys, index = sorted(state), folder / f"{WEIGHTS}.index.json"
    shards = {f"diffusion_pytorch_model-0000{part + 1}-of-00002.safetensors": keys[part::2] for part in (0, 1)}
    for name, part in shards.items():
        save_file({key: state[key] for key in part}, index.with_name(name))
    index.write_text(json.dumps({"weight_map": {key: name for name, part in shards.items() for key in part}}), "utf-8")
    return index


def test_a_good_model_passes(tiny_copy: Path) -> None:
    check(tiny_copy)
    split(tiny_copy)
    check(tiny_copy)


def test_a_cut_file_is_named_with_what_is_missing(tiny_copy: Path) -> None:
    content = (tiny_copy / WEIGHTS).read_bytes()
    (tiny_copy / WEIGHTS).write_bytes(content[:-100])
    with pytest.raises(ModelFolderError, match=rf"{WEIGHTS} is cut short: 100 of its {len(content)} bytes are missing"):
        check(tiny_copy)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), r"model_index\.json is missing"),
        (lambda folder: (folder / "vae/config.json").write_text("{"), r"vae/config\.json cannot be read"),
        (lambda folder: (folder / "vae/config.json").write_text("[]"), r"vae/config\.json is no configuration"),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), r"tokenizer/tokenizer_config\.json is missing"),
        (
            lambda folder: edit_json(folder / "model_index.json", transformer=["evil", "Program"]),
            r'"transformer" is \["evil", "Program"\], but a CogVideoX model with CogVideoXTransformer3DModel is needed',
        ),
        (
            lambda folder: edit_json(folder / "vae/config.json", _class_name="AutoencoderKL"),
            r'"_class_name" is "AutoencoderKL", but AutoencoderKLCogVideoX is needed',
        ),
        (
            lambda folder: edit_json(folder / "transformer/config.json", num_layers="many"),
            r"transformer/config\.json describes no model that can be built",
        ),
        (
            lambda folder: edit_json(folder / "transformer/config.json", num_layers=1),
            r'diffusion_pytorch_model\.safetensors: "transformer_blocks\.1\..*" is no weight of the transformer',
        ),
        (
            lambda folder: edit_json(folder / "transformer/config.json", num_layers=3),
            r'safetensors: "transformer_blocks\.2\..*" is missing \(\d+ weights in all are\) of the transformer',
        ),
        (
            lambda folder: edit_json(folder / "transformer/config.json", time_embed_dim=32),
            r'safetensors: "norm_out\.linear\.weight" has shape \(64, 16\), but its config\.json asks for \(64, 32\)',
        ),
        (
            lambda folder: (folder / WEIGHTS).rename((folder / WEIGHTS).with_suffix(".bin")),
            r"diffusion_pytorch_model\.bin holds pickled weights, which this program never loads.*safe_serialization",
        ),
        (lambda folder: (folder / WEIGHTS).unlink(), r"diffusion_pytorch_model\.safetensors is missing, and so is"),
        (lambda folder: (folder / "rgba_lora.safetensors").unlink(), r"has no RGBA LoRA: there is no file"),
    ],
)
def test_what_is_wrong_with_a_folder(tiny_copy: Path, spoil, message: str) -> None:
    spoil(tiny_copy)
    with pytest.raises(ModelFolderError, match=message):
        check(tiny_copy)


def test_parts_of_two_models(tiny_copy: Path) -> None:
    edit_json(tiny_copy / "transformer/config.json", text_embed_dim=16)
    edit_weights(
        tiny_copy / WEIGHTS,
        lambda state: state.update(
            {"patch_embed.text_proj.weight": state["patch_embed.text_proj.weight"][:, :16].clone()}
        ),
    )
    with pytest.raises(ModelFolderError, match=r"text_embed_dim.* is 16, but the text encoder's d_model is 32"):
        check(tiny_copy)


def test_shards_that_the_index_lists_must_be_there(tiny_copy: Path) -> None:
    index = split(tiny_copy)
    shard = index.with_name("diffusion_pytorch_model-00002-of-00002.safetensors")
    edit_weights(shard, lambda state: state.pop(sorted(state)[0]))
    with pytest.raises(ModelFolderError, match=r'00002-of-00002\.safetensors lacks ".*", which .*index\.json says'):
        check(tiny_copy)
    shard.unlink()
    with pytest.raises(ModelFolderError, match=r"00002-of-00002\.safetensors is missing, but .*index\.json lists it"):
        check(tiny_copy)
    edit_json(index, weight_map={"key": "../../elsewhere.safetensors"})
    with pytest.raises(ModelFolderError, match='has no usable "weight_map"'):
        check(tiny_copy)


def test_a_lora_of_another_model(tiny_copy: Path) -> None:
    wide = create_rgba_weights(make_transformer(attention_head_dim=24), rank=4)
    save_file(wide, tiny_copy / "rgba_lora.safetensors")
    with pytest.raises(RGBAWeightsError, match=r"rgba_lora\.safetensors: .*a model of width 48, this one has 32"):
        check(tiny_copy)


def test_the_lora_alpha_in_the_file_wins(tiny_copy: Path) -> None:
    lora = tiny_copy / "rgba_lora.safetensors"
    assert files_of(tiny_copy).lora_alpha == 4.0
    save_file(load_file(lora), lora, metadata={"lora_alpha": "2.5"})
    assert files_of(tiny_copy).lora_alpha == 2.5
    for wrong in ("nan", "0", "-1", "much"):
        save_file(load_file(lora), lora, metadata={"lora_alpha": wrong})
        with pytest.raises(ModelFolderError, match="not a positive number"):
            files_of(tiny_copy)


def test_an_unusable_model_says_why(tiny_copy: Path) -> None:
    nothing = Acceptances.load(tiny_copy / "licences.json")
    description = ModelDescription.read(tiny_copy)
    assert model_state(description, tiny_copy, tiny_copy / "hub", nothing).state is ModelStatus.READY
    (tiny_copy / WEIGHTS).write_bytes(b"short")
    state = model_state(description, tiny_copy, tiny_copy / "hub", nothing)
    assert state.state is ModelStatus.UNUSABLE
    assert "is cut short: it has 5 bytes" in state.problem


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("fuzzed") / "tiny")


FILES = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "transformer/config.json",
    str(WEIGHTS),
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "rgba_lora.safetensors",
    "transpixar.json",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(FILES), data=st.data())
def test_whatever_happens_to_a_file_the_error_is_a_sentence(fuzzed: Path, name: str, data: st.DataObject) -> None:
    path = fuzzed / name
    content = path.read_bytes()
    # Damage in the tensors themselves shows in no header.
    end = min(len(content), 4000)
    damaged = bytearray(content)
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, end - 1), st.integers(0, 255)), max_size=4)):
        damaged[place] = byte
    del damaged[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
    path.write_bytes(damaged)
    try:
        check(fuzzed)
    except (ModelFolderError, RGBAWeightsError) as error:
        assert str(error).rstrip().endswith((".", "`."))
        assert "\n" not in str(error)
    else:
        # Cut files never pass.
        assert len(damaged) == len(content)
    finally:
        path.write_bytes(content)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_header_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"weights\.safetensors"):
        read_header(path)


def test_a_header_reads_like_safetensors_itself(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    state = {"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.ones(()), "c": torch.zeros(0, 4)}
    save_file(state, path, metadata={"lora_alpha": "1.0"})
    header = read_header(path)
    assert header.shapes == {"a": (2, 3), "b": (), "c": (0, 4)}
    assert header.metadata == {"lora_alpha": "1.0"}
    assert header.bytes == path.stat().st_size
