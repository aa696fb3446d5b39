import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.catalogs import FILE_NAME, catalog_of, ensure_catalog, merged
from blender_transpixar.core.effect_kinds import KINDS, OTHER
from blender_transpixar.core.errors import InvalidLibraryError

FIRE = catalog_of("fire")
FOREIGN = "8c5a1b1e-3f5c-4d56-9b0f-2a4e6d9c7f10:Props/Chairs:Props-Chairs"


def test_a_new_library_gets_a_list_that_blender_reads(tmp_path: Path):
    assert ensure_catalog(tmp_path, "fire") == FIRE.id
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    meant = [line for line in lines if line and not line.startswith("#")]
    assert meant == ["VERSION 1", f"{FIRE.id}:TransPixar/Fire:TransPixar-Fire"]
    assert uuid.UUID(FIRE.id)
    assert list(tmp_path.iterdir()) == [tmp_path / FILE_NAME]


def test_what_is_in_the_list_already_stays(tmp_path: Path):
    before = f"# mine\r\nVERSION 1\r\n\r\n{FOREIGN}\r\n"
    (tmp_path / FILE_NAME).write_bytes(before.encode())
    ensure_catalog(tmp_path, "fire")
    after = (tmp_path / FILE_NAME).read_bytes().decode()
    assert after.startswith(before)
    assert FIRE.id in after


def test_a_catalog_the_artist_renamed_is_still_the_one():
    text = f"VERSION 1\n{FIRE.id}:Burning Things:Burning\n"
    assert merged(text, FIRE) == (text, FIRE.id)


def test_a_catalog_of_the_same_path_is_used_as_it_is():
    own = str(uuid.uuid4())
    text = f"VERSION 1\n{own}:TransPixar/Fire:Fire\n"
    assert merged(text, FIRE) == (text, own)


@pytest.mark.parametrize("content", [b"VERSION 7\nwhatever\n", b"VERSION 1\n\xff\xfe\n"])
def test_a_list_that_cannot_be_read_is_left_alone(tmp_path: Path, content: bytes):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(InvalidLibraryError, match="Choose another library folder"):
        ensure_catalog(tmp_path, "fire")
    assert (tmp_path / FILE_NAME).read_bytes() == content


_LINES = st.lists(
    st.one_of(
        st.just("# a comment"),
        st.just(""),
        st.builds(lambda i, path: f"{i}:{path}:name", st.uuids(), st.sampled_from(["Props", "TransPixar/Fire"])),
        st.sampled_from([catalog_of(kind).line() for kind in KINDS]),
    )
)


@given(_LINES, st.lists(st.sampled_from([*KINDS, OTHER]), min_size=1, max_size=6))
def test_lines_are_only_ever_added_and_none_twice(lines: list[str], kinds: list[str]):
    text = before = "\n".join(["VERSION 1", *lines])
    for kind in kinds:
        text, catalog_id = merged(text, catalog_of(kind))
        assert f"{catalog_id}:" in text
    assert text.startswith(before)
    added = [line for line in text[len(before) :].splitlines() if line]
    assert len(added) == len(set(added)) <= len(set(kinds))
    assert not set(added) & set(before.splitlines())
