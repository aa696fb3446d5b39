"""The folder of the uploads keeps each sound file once, and nothing else."""

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from server.media.inspection import UploadNotUsable
from server.media.uploads import UploadFolder


def png(width: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (width, 10)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def uploads(tmp_path: Path) -> UploadFolder:
    uploads = UploadFolder(tmp_path / "uploads")
    uploads.open()
    return uploads


def send(uploads: UploadFolder, *pieces: bytes):
    with uploads.receive() as incoming:
        for piece in pieces:
            incoming.write(piece)
        return incoming.keep()


def test_an_upload_is_named_by_its_contents_and_kept_once(uploads: UploadFolder, tmp_path: Path) -> None:
    data = png()
    first, new = send(uploads, data[:50], data[50:])
    assert new
    assert first.id == hashlib.sha256(data).hexdigest()
    assert (first.kind, first.width, first.height, first.has_alpha) == ("image", 20, 10, True)
    assert (first.frame_count, first.fps, first.bytes) == (1, None, len(data))
    assert first.path.read_bytes() == data

    again, new = send(uploads, data)
    assert not new
    assert again == first == uploads.get(first.id)
    assert list(uploads.all()) == [first]
    assert {path.name for path in (tmp_path / "uploads").iterdir()} == {first.id, f"{first.id}.json"}


def test_a_refused_or_broken_off_upload_leaves_nothing(uploads: UploadFolder, tmp_path: Path) -> None:
    with pytest.raises(UploadNotUsable):
        send(uploads, b"no picture")
    with pytest.raises(ConnectionError), uploads.receive() as incoming:
        incoming.write(png())
        raise ConnectionError
    assert list((tmp_path / "uploads").iterdir()) == []


def test_what_a_killed_server_left_half_done_goes_at_the_next_start(uploads: UploadFolder, tmp_path: Path) -> None:
    kept, _ = send(uploads, png())
    (tmp_path / "uploads" / ".incoming-1").write_bytes(b"half")
    (tmp_path / "uploads" / ("ab" * 32)).write_bytes(b"without a description")
    again = UploadFolder(tmp_path / "uploads")
    again.open()
    assert list(again.all()) == [kept]
    assert len(list((tmp_path / "uploads").iterdir())) == 2


def test_what_others_put_into_the_folder_stays_and_does_not_keep_it_from_opening(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    for name in ("@eaDir", "ab" * 32, ".incoming-folder", "x.json"):
        (folder / name).mkdir(parents=True)
    for name in ("notes.txt", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"of somebody else")
    before = sorted(path.name for path in folder.iterdir())
    uploads = UploadFolder(folder)
    uploads.open()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert list(uploads.all()) == []
    kept, _ = send(uploads, png())
    assert list(uploads.all()) == [kept]


def test_removing(uploads: UploadFolder, tmp_path: Path) -> None:
    kept, _ = send(uploads, png())
    uploads.remove(kept.id)
    uploads.remove(kept.id)
    assert uploads.get(kept.id) is None
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("upload_id", ["", "..", "../secret", "/etc/passwd", "C:\\secret", "AB" * 32, "ab" * 31, "%2e"])
def test_nothing_but_an_id_reaches_the_disk(uploads: UploadFolder, tmp_path: Path, upload_id: str) -> None:
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "secret.json").write_text("{}")
    assert uploads.get(upload_id) is None
    uploads.remove(upload_id)
    assert (tmp_path / "secret").exists()
    assert (tmp_path / "secret.json").exists()
