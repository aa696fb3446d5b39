"""The models that the server knows from the start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.models import ModelDescription, ModelFolderError, ModelRegistry
from server.models.files import ModelStatus, model_state
from server.models.licences import Acceptances
from server.models.places import ModelPlaces


@pytest.fixture(scope="module")
def catalogue() -> ModelRegistry:
    return ModelRegistry.discover()


def test_mini_comes_first(catalogue: ModelRegistry) -> None:
    assert catalogue.names == ["mini", "cogvideox-5b", "cogvideox-5b-i2v", "cogvideox-2b"]
    assert catalogue.default == "mini"


@pytest.mark.parametrize("name", ["cogvideox-5b", "cogvideox-5b-i2v"])
def test_the_full_models_warn_of_commercial_use(catalogue: ModelRegistry, name: str) -> None:
    base, lora = catalogue.get(name).licences
    assert (base.part, lora.part) == ("base", "rgba_lora")
    assert "Commercial use needs a free registration" in base.notice
    assert "apache-2.0" in lora.notice and "non-commercial" in lora.notice and "NOT safe" in lora.notice


@pytest.mark.parametrize("name", ["cogvideox-5b", "cogvideox-5b-i2v", "cogvideox-2b"])
def test_defaults_lie_within_the_limits(catalogue: ModelRegistry, name: str) -> None:
    model = catalogue.get(name)
    defaults, limits = model.defaults, model.limits
    assert (defaults.width, defaults.height, defaults.num_frames, defaults.steps) == (720, 480, 49, 50)
    assert (defaults.guidance, defaults.cfg_schedule, defaults.fps) == (6.0, "dynamic", 8)
    assert limits.min_size <= defaults.height and defaults.width <= limits.max_width
    assert defaults.num_frames <= limits.max_frames and (defaults.num_frames - 1) % limits.frames_multiple == 0


def test_states_before_anything_was_done(catalogue: ModelRegistry, tmp_path: Path) -> None:
    places = ModelPlaces(tmp_path)
    accepted = Acceptances.load(places.licences)

    def state(name: str):
        return model_state(catalogue.get(name), catalogue.folder(name), places.hub, accepted)

    assert state("mini").state is ModelStatus.READY
    assert state("cogvideox-5b").state is ModelStatus.LICENCE_NOT_ACCEPTED
    assert state("cogvideox-5b").bytes_total == pytest.approx(21.4e9, rel=0.01)
    assert state("cogvideox-2b").state is ModelStatus.UNUSABLE
    assert "models add NAME --base cogvideox-2b --rgba-lora FILE" in state("cogvideox-2b").problem
    accepted.accept(catalogue.get("cogvideox-5b"), ["cogvideox", "transpixar-rgba-lora"])
    # The image model has the same licences.
    assert state("cogvideox-5b").state is state("cogvideox-5b-i2v").state is ModelStatus.NOT_DOWNLOADED
    assert not places.hub.exists()


def test_own_models_come_after_the_catalogue(remote_folder: Path, tiny_copy: Path, places: ModelPlaces) -> None:
    registry = ModelRegistry.discover([tiny_copy], models_folder=places.models)
    assert registry.names[-2:] == ["remote", "tiny"]
    assert registry.problems == []


def test_one_bad_folder_takes_no_other_model_away(remote_folder: Path, places: ModelPlaces) -> None:
    for name, content in (("bad", "{"), ("second", (remote_folder / "transpixar.json").read_text("utf-8"))):
        (places.models / name).mkdir()
        (places.models / name / "transpixar.json").write_text(content, "utf-8")
    registry = ModelRegistry.discover(models_folder=places.models)
    assert registry.names[-1] == "remote"
    assert "bad" in registry.problems[0]
    assert "Two folders hold a model named 'remote'" in registry.problems[1]


def test_what_comes_goes_or_changes_in_the_folder_is_seen_without_a_restart(
    remote_folder: Path, tiny_copy: Path, places: ModelPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ModelRegistry.discover([tiny_copy], models_folder=places.models)
    described = json.loads((remote_folder / "transpixar.json").read_text("utf-8"))
    added = places.models / "added"
    added.mkdir()
    (added / "transpixar.json").write_text(json.dumps({**described, "name": "added"}), "utf-8")
    (places.models / "stray").mkdir()
    assert registry.refresh() == []
    assert registry.names[-3:] == ["added", "remote", "tiny"]
    assert registry.folder("added") == added.resolve()

    reads: list[Path] = []
    read = ModelDescription.read
    monkeypatch.setattr(ModelDescription, "read", lambda folder: reads.append(folder) or read(folder))
    assert registry.refresh() == []
    assert reads == []

    (remote_folder / "transpixar.json").unlink()
    (tiny_copy / "transpixar.json").write_text("{", "utf-8")
    (problem,) = registry.refresh()
    assert str(tiny_copy) in problem
    assert registry.refresh() == []
    assert registry.names[-2:] == ["cogvideox-2b", "added"]
    assert registry.get("remote") is None


def test_files_are_in_one_place(remote_folder: Path) -> None:
    file = remote_folder / "transpixar.json"
    description = json.loads(file.read_text("utf-8"))
    description["base"]["folder"] = "/somewhere"
    file.write_text(json.dumps(description), "utf-8")
    with pytest.raises(ModelFolderError, match="give a folder or a repo, not both"):
        ModelRegistry([remote_folder])


def test_states_need_no_torch() -> None:
    code = (
        "import sys; import server.models.files, server.models.hub, server.commands.models; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
