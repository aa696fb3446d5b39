"""Clips in other formats, and finished, from a running server."""

import hashlib
import http.client
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.client import Client, ClientError
from server.launch import ServerProcess
from server.media.clip_reader import open_clip
from server.media.hand_off_formats import HAND_OFFS, HandOff
from server.media.sidecar import Sidecar
from server.media.steps.recipe import Recipe
from tests.server.api.conftest import FAKE

# A recipe that takes minutes.
LONG = {"steps": [{"step": "hold", "end": 500}, *[{"step": "choke", "pixels": 32}] * 98]}


@pytest.fixture(scope="module")
def job(fake: Client) -> dict:
    """Its frames are of one grey each, and as opaque: 128, 136, 144 and so on."""
    return fake.wait(fake.create("moving fire", seed=128, steps=1)["id"])


@pytest.fixture(scope="module")
def clip_folder(job: dict) -> Path:
    return Path(job["clips"][0]["folder"])


def post(client: Client, job: dict, **body: Any) -> requests.Response:
    return requests.post(f"{client.url}/v1/videos/{job['id']}/content", json=body)


def error_of(answer: requests.Response) -> dict:
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert list(error) == ["code", "message", "field"]
    assert error["message"].endswith((".", "?"))
    return error


def unpacked(file: Path) -> Path:
    """The one folder in a zip, or the file when it is none."""
    if file.suffix != ".zip":
        return file
    with zipfile.ZipFile(file) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        (name,) = {member.filename.partition("/")[0] for member in archive.infolist()}
        archive.extractall(file.parent)
    return file.parent / name


def alphas(path: Path, *, matte: bool = False) -> np.ndarray:
    """The alphas of a clip's frames, (F, H, W), 0 to 255; of a matte its brightness."""
    with closing(open_clip(path, alpha="opaque" if matte else None).frames()) as frames:
        return 255 * np.stack([frame[..., 0 if matte else 3] for frame in frames])


def exports_of(data_dir: Path, job: dict) -> list[Path]:
    return list((data_dir / "jobs" / job["id"]).glob(".export-*"))


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def waiting_for(
    client: Client, job: dict, finishing: dict = LONG, **headers: str
) -> Iterator[http.client.HTTPConnection]:
    """A caller that waits for an export, and goes at the block's end."""
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc)
    body = json.dumps({"format": "png8", "finishing": finishing})
    connection.request("POST", f"/v1/videos/{job['id']}/content", body, {"Content-Type": "application/json", **headers})
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("format", HAND_OFFS.values(), ids=lambda format: format.name)
def test_a_clip_in_every_format(fake: Client, job: dict, clip_folder: Path, tmp_path: Path, format: HandOff) -> None:
    file = fake.content(job["id"], format.name, tmp_path)

    stem = clip_folder.name if format.name == "clip" else f"{clip_folder.name}_{format.name}"
    assert file == tmp_path / f"{stem}{format.suffix or '.zip'}"
    made = alphas(unpacked(file), matte=format.name.startswith("matte"))
    np.testing.assert_allclose(made, alphas(clip_folder), atol=24 if format.name == "webm-small" else 1)


@pytest.mark.parametrize(("format", "kind"), [("png8", "application/zip"), ("prores4444", "video/quicktime")])
def test_a_format_by_address(fake: Client, job: dict, clip_folder: Path, format: str, kind: str) -> None:
    answer = requests.get(f"{fake.url}/v1/videos/{job['id']}/content", params={"format": format, "clip": 1})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    suffix = HAND_OFFS[format].suffix or ".zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{clip_folder.name}_{format}{suffix}"'
    assert int(answer.headers["Content-Length"]) == len(answer.content)


def test_a_raw_clip_is_what_lies_on_the_server(fake: Client, job: dict, clip_folder: Path, tmp_path: Path) -> None:
    copy = unpacked(fake.content(job["id"], "clip", tmp_path))

    contents = {file.name: file.read_bytes() for file in clip_folder.iterdir()}
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == contents


def test_a_finished_clip_records_what_was_done(fake: Client, job: dict, clip_folder: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in clip_folder.iterdir()}
    recipe = {"steps": [{"step": "levels", "black": 0.5}, {"step": "reverse"}]}
    finished = unpacked(fake.content(job["id"], "clip", tmp_path, finishing=recipe))

    np.testing.assert_allclose(alphas(finished), (2 * alphas(clip_folder) - 255)[::-1], atol=0.51)
    sidecar = Sidecar.from_json((finished / job["clips"][0]["sidecar"]).read_bytes())
    assert sidecar.finishing is not None
    assert sidecar.source is not None
    assert [step["step"] for step in sidecar.finishing["steps"]] == ["levels", "reverse"]
    assert sidecar.source.name == clip_folder.name
    assert sidecar.source.sha256 == hashlib.sha256(before[sidecar.source.sidecar]).hexdigest()
    assert sidecar.request.seed == 128
    assert {file.name: file.read_bytes() for file in clip_folder.iterdir()} == before


def test_finishing_reaches_other_formats(fake: Client, job: dict, tmp_path: Path) -> None:
    recipe = {"steps": [{"step": "levels", "black": 0.5}, {"step": "retime", "fps": "24"}]}
    movie = open_clip(fake.content(job["id"], "qtrle", tmp_path / "fire.mov", finishing=recipe))

    assert (movie.info.fps, movie.info.frame_count) == (24, 3 * job["clips"][0]["frame_count"])
    np.testing.assert_allclose(next(movie.frames())[..., 3] * 255, 2 * 128 - 255, atol=0.01)


def test_another_clip_of_the_job(fake: Client, tmp_path: Path) -> None:
    two = fake.wait(fake.create("orange fire", seed=10, num_clips=2, steps=1)["id"])
    np.testing.assert_allclose(alphas(unpacked(fake.content(two["id"], "png8", tmp_path, clip=2))), 11)


def test_the_formats_on_offer(fake: Client) -> None:
    offered = fake.formats()

    assert {format["name"] for format in offered["formats"]} == set(HAND_OFFS)
    assert {"name": "ffv1", "title": HAND_OFFS["ffv1"].title, "suffix": ".mkv", "files": "one"} in offered["formats"]
    assert {"name": "png8", "title": HAND_OFFS["png8"].title, "suffix": "", "files": "many"} in offered["formats"]
    assert offered["finishing"] == Recipe.model_json_schema()


def steps(*steps: dict) -> dict:
    return {"format": "png8", "finishing": {"steps": list(steps)}}


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "message"),
    [
        ({"format": "gif"}, 422, "unknown_format", "format", "use one of clip, png8"),
        ({}, 422, "invalid_field", "format", "must be there"),
        ({"format": 7}, 422, "invalid_field", "format", "must be a text"),
        ({"format": "png8", "clip": 2}, 404, "not_found", None, "no clip 2"),
        ({"format": "png8", "clip": 0}, 422, "invalid_field", "clip", "clip"),
        ({"format": "png8", "clip": "1"}, 422, "invalid_field", "clip", "a whole number"),
        ({"format": "png8", "finshing": None}, 422, "unknown_field", "finshing", "did you mean 'finishing'?"),
        ({"format": "png8", "finishing": []}, 422, "bad_finishing", "finishing", "This is no finishing recipe"),
        ({"format": "png8", "finishing": {"stepps": []}}, 422, "bad_finishing", "finishing", "stepps"),
        (steps({"step": "levels"}, {"step": "levels", "black": 2}), 422, "bad_finishing", "finishing", "Step 2"),
        (steps({"step": "\ud800"}), 422, "bad_finishing", "finishing", "Step 1"),
        (steps({"step": "retime", "fps": "1e999999"}), 422, "bad_finishing", "finishing", "fps"),
        (steps(*[{"step": "reverse"}] * 101), 422, "bad_finishing", "finishing", "at most 100"),
        (steps({"step": "trim", "last": 99}), 422, "not_convertible", None, "has no frame 99"),
        (steps(*[{"step": "ping_pong"}] * 60), 422, "clip_too_large", "finishing", "(ping_pong)"),
        (steps({"step": "resize", "scale": 0.001}), 422, "not_convertible", None, "use sizes from 1"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_a_bad_wish_is_refused(
    fake: Client, fake_data_dir: Path, job: dict, body: dict, status: int, code: str, field: str | None, message: str
) -> None:
    # Python's own JSON, because it can spell half a surrogate pair.
    answer = requests.post(
        f"{fake.url}/v1/videos/{job['id']}/content", json.dumps(body), headers={"Content-Type": "application/json"}
    )

    error = error_of(answer)
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field)
    assert message in error["message"]
    assert exports_of(fake_data_dir, job) == []


def test_an_unfinished_clip_is_not_ready(idle: Client) -> None:
    held = idle.create("hold", steps=1)
    for answer in (
        post(idle, held, format="png8"),
        requests.get(f"{idle.url}/v1/videos/{held['id']}/content", params={"format": "png8"}),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (409, "not_ready")
    idle.cancel(held["id"])


def test_a_clip_whose_files_have_gone(fake: Client) -> None:
    job = fake.wait(fake.create("orange fire", steps=1)["id"])
    Path(job["clips"][0]["folder"], "0002.png").unlink()
    answer = post(fake, job, format="png8")

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


def test_a_clip_with_a_damaged_frame(fake: Client, fake_data_dir: Path) -> None:
    job = fake.wait(fake.create("orange fire", steps=1)["id"])
    Path(job["clips"][0]["folder"], "0002.png").write_bytes(b"no picture")
    answer = post(fake, job, format="prores4444")

    assert (answer.status_code, error_of(answer)["code"]) == (422, "not_convertible")
    assert "0002.png" in error_of(answer)["message"]
    assert exports_of(fake_data_dir, job) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def step_like(schema: dict) -> st.SearchStrategy[dict]:
    """A step with its settings, many of which are possible."""
    kind = st.just(schema["properties"]["step"]["const"])
    likely = {
        name: st.sampled_from(setting.get("enum", [0, 1, 2, 0.5])) | scalars
        for name, setting in schema["properties"].items()
        if name != "step"
    }
    required = {name: likely.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries({"step": kind, **required}, optional=likely)


scalars = st.none() | st.booleans() | st.integers(-2, 70) | st.floats() | st.text(max_size=5)
steps_like = st.one_of([step_like(schema) for schema in Recipe.model_json_schema()["$defs"].values()])
recipes = st.fixed_dictionaries({"steps": st.lists(steps_like, max_size=4)})


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(json_values | recipes)
def test_any_json_as_a_recipe_gets_a_clip_or_a_sentence(fake: Client, job: dict, finishing: Any) -> None:
    answer = requests.post(
        f"{fake.url}/v1/videos/{job['id']}/content",
        json.dumps({"format": "png8", "finishing": finishing}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        error = error_of(answer)
        assert error["code"] in ("bad_finishing", "not_convertible", "clip_too_large")
        # That would be a mistake of the program, not of the recipe.
        assert "log" not in error["message"]


def test_two_exports_at_once_and_no_third(fake: Client, fake_data_dir: Path, job: dict) -> None:
    with waiting_for(fake, job), waiting_for(fake, job):
        until(lambda: len(exports_of(fake_data_dir, job)) == 2)
        answer = post(fake, job, format="png8")
        assert (answer.status_code, error_of(answer)["code"]) == (429, "busy")
        assert int(answer.headers["Retry-After"]) > 0
        # Others are answered meanwhile.
        assert requests.get(f"{fake.url}/healthz").ok
    # Both callers have gone: their work ends, and nothing is left of it.
    until(lambda: exports_of(fake_data_dir, job) == [])
    assert post(fake, job, format="png8").ok


def progress(client: Client, key: str) -> dict | None:
    try:
        return client.export(key)
    except ClientError as error:
        assert error.code == "not_found"
        return None


def test_an_export_tells_how_far_it_is(fake: Client, fake_data_dir: Path, job: dict) -> None:
    count = job["clips"][0]["frame_count"] + 500
    assert progress(fake, "mine") is None
    with waiting_for(fake, job, **{"Export-Key": "mine"}):
        until(lambda: progress(fake, "mine"))
        until(lambda: (progress(fake, "mine") or {}).get("frames_done", 0) > 0)
        told = progress(fake, "mine")
        assert told is not None
        assert (told["key"], told["frames_total"]) == ("mine", count)
        answer = requests.post(
            f"{fake.url}/v1/videos/{job['id']}/content", json={"format": "png8"}, headers={"Export-Key": "mine"}
        )
        assert (answer.status_code, error_of(answer)["code"]) == (409, "in_use")
    until(lambda: progress(fake, "mine") is None)
    until(lambda: exports_of(fake_data_dir, job) == [])


def test_nothing_is_told_of_frames_before_one_is_written(fake: Client, job: dict) -> None:
    with waiting_for(fake, job, {"steps": [*LONG["steps"], {"step": "crop"}]}, **{"Export-Key": "cropped"}):
        until(lambda: progress(fake, "cropped"))
        assert progress(fake, "cropped") == {"key": "cropped", "frames_done": 0, "frames_total": None}
    until(lambda: progress(fake, "cropped") is None)


def test_an_export_that_is_done_is_not_told_of_any_more(fake: Client, job: dict, tmp_path: Path) -> None:
    assert fake.content(job["id"], "qtrle", tmp_path / "fire.mov", key="short").is_file()
    assert progress(fake, "short") is None


@pytest.mark.parametrize("key", ["", "a/b", "ä", "a" * 129, "two words"])
def test_a_key_that_fits_into_no_path(fake: Client, job: dict, key: str) -> None:
    headers = {"Export-Key": key.encode("latin-1")}
    answer = requests.get(f"{fake.url}/v1/videos/{job['id']}/content", params={"format": "png8"}, headers=headers)

    assert (answer.status_code, error_of(answer)["code"]) == (400, "bad_export_key")


@pytest.mark.parametrize("last", [{"step": "crop"}, {"step": "reverse"}], ids=lambda step: step["step"])
def test_a_step_that_reads_the_whole_clip_first_ends_with_its_caller(
    fake: Client, fake_data_dir: Path, job: dict, last: dict
) -> None:
    with waiting_for(fake, job, {"steps": [*LONG["steps"], last]}):
        until(lambda: exports_of(fake_data_dir, job))
    until(lambda: exports_of(fake_data_dir, job) == [], seconds=10)


def test_a_video_that_is_removed_while_it_is_exported(fake: Client, fake_data_dir: Path) -> None:
    job = fake.wait(fake.create("orange fire", seed=128, steps=1)["id"])
    with waiting_for(fake, job) as caller:
        until(lambda: exports_of(fake_data_dir, job))
        fake.delete(job["id"])
        assert caller.getresponse().status == 404
    until(lambda: not (fake_data_dir / "jobs" / job["id"]).exists())


def exporting(server: ServerProcess) -> list[psutil.Process]:
    children = psutil.Process(server.process.pid).children()
    return [child for child in children if "server.exports.process" in child.cmdline()]


def test_an_export_that_dies_is_no_mistake_of_the_server(fake: Client, fake_server: ServerProcess, job: dict) -> None:
    with waiting_for(fake, job) as caller:
        until(lambda: exporting(fake_server))
        exporting(fake_server)[0].kill()
        answer = caller.getresponse()
        error = json.loads(answer.read())["error"]
    assert (answer.status, error["code"]) == (422, "not_convertible")
    assert "memory" in error["message"]


def test_a_server_that_is_stopped_ends_its_exports(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as server:
        client = Client(server.url)
        job = client.wait(client.create("fire", steps=1)["id"])
        with waiting_for(client, job) as caller:
            until(lambda: exports_of(tmp_path, job))
            (child,) = exporting(server)
            assert server.stop() == 0
            assert caller.getresponse().status == 503
    assert not child.is_running()
    assert exports_of(tmp_path, job) == []


def test_a_server_that_died_removes_what_was_left_when_it_starts(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as server:
        client = Client(server.url)
        job = client.wait(client.create("fire", steps=1)["id"])
        with waiting_for(client, job):
            until(lambda: exports_of(tmp_path, job))
            (child,) = exporting(server)
            server.process.kill()
            server.process.wait()
    # It hears of that, and goes.
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()
    assert len(exports_of(tmp_path, job)) == 1
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as server:
        assert exports_of(tmp_path, job) == []
        assert Client(server.url).content(job["id"], "png8", tmp_path / "fire.zip").is_file()


def test_a_file_that_is_there_is_not_replaced(fake: Client, job: dict, tmp_path: Path) -> None:
    (tmp_path / "fire.mov").write_text("mine")
    with pytest.raises(ClientError, match="exists already") as caught:
        fake.content(job["id"], "qtrle", tmp_path / "fire.mov")

    assert caught.value.code == "file_exists"
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


def test_a_refused_export_leaves_no_file(fake: Client, job: dict, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no frame 99"):
        fake.content(job["id"], "qtrle", tmp_path, finishing={"steps": [{"step": "trim", "last": 99}]})
    assert list(tmp_path.iterdir()) == []
