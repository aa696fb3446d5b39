"""Downloads from a small hub on a real socket, through the real huggingface_hub."""

import errno
import shutil
import threading
from pathlib import Path

import pytest
from huggingface_hub import constants

from server.models import ModelDescription
from server.models.files import ModelStatus, locate, model_state
from server.models.hub import DownloadCancelled, DownloadError, ask_size, download
from server.models.hub_errors import explain
from server.models.licences import Acceptances, LicenceError
from server.models.places import ModelPlaces
from tests.server.models.fake_hub import COMMIT, FakeHub

TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


def test_only_the_files_that_are_needed_come(hub: FakeHub, remote, remote_folder, places, accepted) -> None:
    reports: list[tuple[int, int]] = []
    download(remote, places.hub, accepted, progress=lambda done, total: reports.append((done, total)))

    files = locate(remote, remote_folder, places.hub)
    served = hub.repos["maker/Base"].files
    for path in ("model_index.json", "vae/config.json", "tokenizer/tokenizer.json", TRANSFORMER):
        assert (files.base / path).read_bytes() == served[path]
    assert files.rgba_lora.read_bytes() == hub.repos["maker/Lora"].files["rgba_lora.safetensors"]
    names = {answer.path for answer in hub.answered}
    assert not {name for name in names if name.endswith((".bin", ".mp4")) or "fp16" in name}
    assert files.base.name == COMMIT
    assert reports[-1][0] == reports[-1][1] == ask_size(remote, places.hub).bytes_total
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_sizes_are_known_before_anything_comes(hub: FakeHub, remote, places) -> None:
    size = ask_size(remote, places.hub)
    assert size.bytes_present == 0
    assert size.bytes_total > len(hub.repos["maker/Base"].files[TRANSFORMER])
    assert not hub.answered


def test_the_state_follows_the_download(hub, remote, remote_folder, places, accepted) -> None:
    def state():
        return model_state(remote, remote_folder, places.hub, accepted)

    assert (state().state, state().bytes_total, state().bytes_present) == (ModelStatus.NOT_DOWNLOADED, None, 0)
    download(remote, places.hub, accepted)
    assert state().state is ModelStatus.READY
    assert state().bytes_present == state().bytes_total == ask_size(remote, places.hub).bytes_total


def test_nothing_comes_before_the_licences_are_accepted(hub: FakeHub, remote, remote_folder, places) -> None:
    nothing = Acceptances.load(places.licences)
    with pytest.raises(LicenceError, match="tiny-base"):
        download(remote, places.hub, nothing)
    assert not hub.answered
    assert model_state(remote, remote_folder, places.hub, nothing).state is ModelStatus.LICENCE_NOT_ACCEPTED


def test_a_connection_that_breaks_is_taken_up_again(hub: FakeHub, remote, remote_folder, places, accepted) -> None:
    content = hub.repos["maker/Base"].files[TRANSFORMER]
    hub.breaks[TRANSFORMER] = [1000, 5000]
    hub.busy = 1
    download(remote, places.hub, accepted)
    assert (locate(remote, remote_folder, places.hub).base / TRANSFORMER).read_bytes() == content
    assert [answer.start for answer in hub.answered if answer.path == TRANSFORMER] == [0, 1000, 6000]


def test_a_server_without_ranges_sends_all_again(hub: FakeHub, remote, remote_folder, places, accepted) -> None:
    hub.breaks[TRANSFORMER] = [1000]
    hub.knows_ranges = False
    download(remote, places.hub, accepted)
    content = hub.repos["maker/Base"].files[TRANSFORMER]
    assert (locate(remote, remote_folder, places.hub).base / TRANSFORMER).read_bytes() == content
    assert hub.sent(TRANSFORMER) == 1000 + len(content)


def test_a_cancelled_download_continues_where_it_stopped(hub: FakeHub, remote, remote_folder, places, accepted) -> None:
    content = hub.repos["maker/Base"].files[TRANSFORMER]
    half = len(content) // 2
    hub.stall[TRANSFORMER] = threading.Event()
    seen: list[int] = []

    def should_stop() -> bool:
        # The rest of the file comes only after the wish to stop: it has to wait for the next download.
        state = model_state(remote, remote_folder, places.hub, accepted)
        seen.append(state.bytes_present)
        if len(seen) > 3:
            hub.stall[TRANSFORMER].set()
            return True
        return False

    with pytest.raises(DownloadCancelled):
        download(remote, places.hub, accepted, should_stop=should_stop)
    hub.stall.clear()
    state = model_state(remote, remote_folder, places.hub, accepted)
    assert state.state is ModelStatus.NOT_DOWNLOADED
    assert 0 < state.bytes_present < state.bytes_total
    assert not (places.hub / "models--maker--Base" / "snapshots" / COMMIT / TRANSFORMER).exists()

    download(remote, places.hub, accepted)
    assert (locate(remote, remote_folder, places.hub).base / TRANSFORMER).read_bytes() == content
    assert hub.sent(TRANSFORMER) <= len(content) + half
    assert hub.answered[-1].start > 0


def test_a_complete_model_needs_no_hub(hub: FakeHub, remote, places, accepted, monkeypatch) -> None:
    download(remote, places.hub, accepted)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.answered.clear()
    download(remote, places.hub, accepted, offline=True)
    assert not hub.answered


def test_a_later_commit_does_not_mix_with_what_is_there(hub: FakeHub, remote, remote_folder, places, accepted) -> None:
    ask_size(remote, places.hub)
    hub.repos["maker/Base"].commit = "b" * 40
    download(remote, places.hub, accepted)
    assert locate(remote, remote_folder, places.hub).base.name == COMMIT


def test_a_cache_of_another_program_is_used(hub, remote, remote_folder, places, accepted) -> None:
    download(remote, places.hub, accepted)
    for repo in places.hub.glob("models--*"):
        shutil.rmtree(repo / "trees")
    assert model_state(remote, remote_folder, places.hub, accepted).state is ModelStatus.READY


@pytest.mark.parametrize("environment", [False, True])
def test_offline_mode_says_so(hub: FakeHub, remote, places, accepted, monkeypatch, environment: bool) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", environment)
    with pytest.raises(DownloadError, match="offline mode forbids"):
        download(remote, places.hub, accepted, offline=not environment)
    assert not hub.answered


def test_a_wrong_checksum_is_refused_and_nothing_of_it_stays(hub: FakeHub, remote, places, accepted) -> None:
    hub.wrong_checksum.add(TRANSFORMER)
    with pytest.raises(DownloadError, match=r"diffusion_pytorch_model\.safetensors of maker/Base arrived damaged"):
        download(remote, places.hub, accepted)
    folder = places.hub / "models--maker--Base" / "snapshots" / COMMIT / "transformer"
    assert [file.name for file in folder.iterdir() if "safetensors" in file.name] == []


def test_a_file_that_stays_too_short_is_given_up(hub: FakeHub, remote, places, accepted, monkeypatch) -> None:
    monkeypatch.setattr("server.models.transfer._ATTEMPTS", 2)
    hub.longer[TRANSFORMER] = 10
    with pytest.raises(DownloadError, match="start the download again"):
        download(remote, places.hub, accepted)


def test_a_gated_repository_says_what_to_do(hub: FakeHub, remote, places, accepted) -> None:
    hub.repos["maker/Lora"].gated = True
    with pytest.raises(DownloadError, match=r"maker/Lora is open only to people who have accepted .* HF_TOKEN"):
        download(remote, places.hub, accepted)


def test_an_unknown_repository_is_named(hub: FakeHub, remote, places, accepted) -> None:
    del hub.repos["maker/Base"]
    with pytest.raises(DownloadError, match="There is no repository maker/Base on the hub, or it is private"):
        download(remote, places.hub, accepted)


def test_a_missing_lora_file_is_named(hub: FakeHub, remote, places, accepted) -> None:
    del hub.repos["maker/Lora"].files["rgba_lora.safetensors"]
    with pytest.raises(DownloadError, match=r"maker/Lora on the hub has none of the files rgba_lora\.safetensors"):
        download(remote, places.hub, accepted)


def test_a_repository_with_pickles_only_is_refused(hub: FakeHub, remote, places, accepted) -> None:
    files = hub.repos["maker/Base"].files
    files["vae/diffusion_pytorch_model.bin"] = files.pop("vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(DownloadError, match="no safetensors weights in vae"):
        download(remote, places.hub, accepted)
    assert not hub.sent(TRANSFORMER)


def test_without_a_network_the_sentence_says_so(
    remote: ModelDescription, places: ModelPlaces, accepted, monkeypatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    # Port 9 discards; nothing listens there.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"cannot be reached .* check the network connection"):
        download(remote, places.hub, accepted)


def test_too_small_a_disk_is_noticed_before(hub: FakeHub, remote, places, accepted, monkeypatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=500_000_100))
    with pytest.raises(DownloadError, match=r"but only 500\.0 MB are free"):
        download(remote, places.hub, accepted)
    assert not hub.answered


def test_a_full_disk_is_no_riddle() -> None:
    error = explain(OSError(errno.ENOSPC, "No space left on device"), "maker/Base")
    assert str(error).startswith("The disk is full; make room")


def test_a_folder_that_cannot_be_made(hub: FakeHub, remote, accepted, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="choose another data folder"):
        download(remote, tmp_path / "file" / "hub", accepted)


def test_two_downloads_at_once_share_the_work(hub: FakeHub, remote, places, accepted) -> None:
    errors: list[Exception] = []

    def one() -> None:
        try:
            download(remote, places.hub, accepted)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert hub.sent(TRANSFORMER) == len(hub.repos["maker/Base"].files[TRANSFORMER])
