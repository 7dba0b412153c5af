"""Files of tensors: what is read, and how each kind of bad file is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from understudy.core.errors import CheckpointError
from understudy.nn.weights import read_safetensors, tensor_shapes, write_safetensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2])}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, TENSORS)
    return path


def test_what_was_written_is_read_back(file: Path) -> None:
    read = read_safetensors(file)
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[k], TENSORS[k]) for k in TENSORS)
    assert tensor_shapes(file) == {"a": (2, 3), "b": (2,)}


def test_a_file_can_be_read_by_others_as_far_as_the_umask_lets(file: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert file.stat().st_mode == plain.stat().st_mode


def test_views_of_one_memory_are_written_as_tensors_of_their_own(tmp_path: Path) -> None:
    base = torch.arange(4.0)
    write_safetensors(tmp_path / "v.safetensors", {"whole": base, "part": base[1:3], "turned": base.view(2, 2).t()})
    read = read_safetensors(tmp_path / "v.safetensors")
    assert read["part"].tolist() == [1, 2]
    assert read["turned"].tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize("keep", [0, 5, 40, 100])
def test_a_file_cut_short_is_named_so(file: Path, keep: int) -> None:
    whole = file.read_bytes()
    assert len(whole) > keep
    file.write_bytes(whole[:keep])
    for read in (read_safetensors, tensor_shapes):
        with pytest.raises(CheckpointError, match="cut short") as caught:
            read(file)
        assert caught.value.where == str(file)


def test_a_file_that_is_something_else_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"hello, this is text and no tensor file at all")
    with pytest.raises(CheckpointError, match="not safetensors"):
        read_safetensors(path)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors", "model.bin", "model.pkl"])
def test_a_pickle_is_refused_by_name_and_by_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save(TENSORS, path)
    with pytest.raises(CheckpointError, match="pickle"):
        read_safetensors(path)


def test_an_old_style_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="pickle"):
        read_safetensors(path)


def test_a_tensor_file_with_a_pickles_name_is_read(file: Path) -> None:
    other = file.rename(file.with_suffix(".bin"))
    assert read_safetensors(other).keys() == TENSORS.keys()


def test_a_git_lfs_pointer_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(CheckpointError, match="Git LFS"):
        read_safetensors(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"w\.safetensors is missing"):
        read_safetensors(tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="folder"):
        read_safetensors(tmp_path)


def test_a_damaged_header_is_named_so(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[20:24] = b"\xff\xff\xff\xff"
    file.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="damaged"):
        read_safetensors(file)


def test_weights_are_written_from_where_they_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, torch.Tensor] = {}
    monkeypatch.setattr("understudy.nn.weights.save_file", lambda tensors, path, metadata: given.update(tensors))
    base = torch.arange(6.0)
    write_safetensors(tmp_path / "w.safetensors", {"a": base, "b": base[:3], "c": torch.ones(2, 3).t()})
    assert given["a"].data_ptr() == base.data_ptr()
    assert given["b"].data_ptr() != base.data_ptr()  # the format knows no shared memory
    assert given["c"].is_contiguous()


def test_a_part_of_a_larger_memory_is_written_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"part": torch.arange(10.0)[4:7]})
    assert path.stat().st_size < 200
    assert read_safetensors(path)["part"].tolist() == [4, 5, 6]
