"""Recordings of the inverted pendulum that are arrays in files, made into a LeRobot v3.0 dataset.

    FILE.npz           observation (episodes, steps, 4), action (episodes, steps, 1); if there: applied_action, shaped
                       as action, gains (episodes, 6), split (episodes,) of 0 train, 1 validation, 2 test
    FOLDER/NNNN.npy    an episode each, (steps, 5): the state, then the action; in FOLDER/trajs too, as the study
                       github.com/ruiming-wu/FAST_Flow_Matching keeps them

What the npz says of its split becomes meta/split.json of the dataset, which `--dataset.split_file` takes; its gains
become meta/gains.json. Nothing is unpickled: arrays of Python objects are refused.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from understudy.core import log
from understudy.core.errors import DataError
from understudy.core.files import check_new

from .spec import STATE, FeatureSpec, FeatureType
from .split import Split
from .write.dataset import assemble
from .write.form import DatasetForm
from .write.held import HeldEpisode

FPS = 25
TASK = "keep the pole upright"
SPLIT, GAINS = "meta/split.json", "meta/gains.json"
_STATE_NAMES = ("cart.pos", "pole.pos", "cart.vel", "pole.vel")
_FEATURES = {
    STATE: FeatureSpec(STATE, FeatureType.STATE, (4,), _STATE_NAMES),
    "action": FeatureSpec("action", FeatureType.ACTION, (1,), ("cart.push",)),
    "applied_action": FeatureSpec("applied_action", FeatureType.ACTION, (1,), ("cart.push",)),
}
_ARRAYS = {"observation": STATE, "action": "action", "applied_action": "applied_action"}


@dataclass(frozen=True)
class Imported:
    """What came of an import. `split_file`: where the source's own split is, None when it has none."""

    root: Path
    episodes: int
    frames: int
    split_file: Path | None


def import_arrays(source: Path, target: Path) -> Imported:
    """Write the dataset `target`, a new folder, from an npz file or a folder of npy files.

    Raises DataError for what cannot be read or has another form, ConfigError when `target` is there, DiskFull.
    """
    check_new(target, "folder of the dataset")
    if not source.exists():
        raise DataError("there is no such file or folder", where=str(source))
    extra: dict[str, str] = {}
    if source.is_dir():
        episodes = [_episode_of(path) for path in _npy_files(source)]
    else:
        arrays = _read_npz(source)
        episodes, extra = _episodes(arrays, source), _extra(arrays, source)
    _check_finite(episodes, source)
    features = {name: _FEATURES[name] for name in episodes[0]}
    form = DatasetForm(features, FPS, robot_type="inverted_pendulum")
    assemble(target, form, [HeldEpisode(TASK, vectors) for vectors in episodes], extra)
    frames = sum(len(vectors["action"]) for vectors in episodes)
    return Imported(target, len(episodes), frames, target / SPLIT if SPLIT in extra else None)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file that are known here. Raises DataError."""
    known = [*_ARRAYS, "gains", "split"]
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError("this is one array; expected is an npz file with several, or a folder", where=str(path))
        with file:
            arrays = {name: _numbers(file[name], f"{path}, {name}") for name in known if name in file.files}
            there = ", ".join(file.files) or "none"
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    if missing := [name for name in ("observation", "action") if name not in arrays]:
        raise DataError(f"the array `{missing[0]}` is missing", where=str(path), hint=f"the file has: {there}")
    return arrays


def _episodes(arrays: Mapping[str, np.ndarray], path: Path) -> list[dict[str, np.ndarray]]:
    shape = arrays["observation"].shape[:2]
    for name, feature in _ARRAYS.items():
        expected = (*shape, *_FEATURES[feature].shape)
        if name in arrays and (arrays[name].shape != expected or 0 in expected):
            raise DataError(
                f"`{name}` has the shape {arrays[name].shape}; expected is (episodes, steps, {expected[-1]})",
                where=str(path),
                hint=f"`observation` has {arrays['observation'].shape}",
            )
    columns = {feature: _float32(arrays[name]) for name, feature in _ARRAYS.items() if name in arrays}
    return [{name: values[episode] for name, values in columns.items()} for episode in range(shape[0])]


def _extra(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, str]:
    """The further files of the dataset."""
    episodes = len(arrays["action"])
    extra = {}
    for name in ("gains", "split"):
        if name in arrays and len(arrays[name]) != episodes:
            raise DataError(f"`{name}` is of {len(arrays[name])} episodes, `action` of {episodes}", where=str(path))
    if "gains" in arrays:
        extra[GAINS] = json.dumps(arrays["gains"].astype(float).round(9).tolist()) + "\n"
    if "split" in arrays:
        part = arrays["split"]
        if part.ndim != 1 or not np.isin(part, (0, 1, 2)).all():
            raise DataError("`split` has to be 0 (train), 1 (validation) or 2 (test) per episode", where=str(path))
        train, validation, test = (np.flatnonzero(part == number).tolist() for number in range(3))
        split = Split(train, validation, test)
        extra[SPLIT] = json.dumps(split.to_json()) + "\n"
    return extra


def _npy_files(folder: Path) -> list[Path]:
    """The episodes of a folder in the order of their numbers."""
    inner = folder / "trajs"
    place = inner if inner.is_dir() else folder
    files = sorted((p for p in place.glob("*.npy") if p.stem.isdecimal()), key=lambda p: (int(p.stem), p.name))
    if not files:
        raise DataError("the folder has no episode: no file such as 0000.npy", where=str(place))
    numbers = [int(path.stem) for path in files]
    if twice := [number for number, after in pairwise(numbers) if number == after]:
        raise DataError(f"episode {twice[0]} is there twice", where=str(place))
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        log.warn(f"{place}: the numbers of the episodes have gaps; the dataset counts them from 0 in their order")
    return files


def _episode_of(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            _check_is_npy(file)
            values = _numbers(np.load(file, allow_pickle=False), str(path))
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise _unreadable(path, error) from error
    if values.ndim != 2 or values.shape[1] != 5 or not len(values):
        raise DataError(
            f"the array has the shape {values.shape}; expected is (steps, 5), the state of 4 numbers and the action",
            where=str(path),
        )
    whole = _float32(values)
    return {STATE: whole[:, :4], "action": whole[:, 4:]}


def _check_is_npy(file: IO[bytes]) -> None:
    # numpy takes whatever does not begin so for a pickle, and says that instead of what is wrong
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("it is not an npy file")
    file.seek(0)


def _numbers(values: np.ndarray, where: str) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise DataError(f"the array holds {values.dtype}, which are no numbers", where=where)
    return values


def _float32(values: np.ndarray) -> np.ndarray:
    # what is too large becomes infinite, which is told with its place
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _check_finite(episodes: Sequence[Mapping[str, np.ndarray]], source: Path) -> None:
    for number, vectors in enumerate(episodes):
        for name, values in vectors.items():
            if not np.isfinite(values).all():
                step = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
                raise DataError(
                    f"`{name}` has a value that is not a finite number",
                    where=f"{source}, episode {number} (counted from 0), step {step}",
                )


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = str(error).strip().splitlines()
    return DataError(
        f"{path.name} cannot be read: {reason[0] if reason else type(error).__name__}",
        where=str(path),
        hint="expected are plain arrays of numbers, as numpy.save and numpy.savez write them",
    )
