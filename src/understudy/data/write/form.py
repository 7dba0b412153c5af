"""DatasetForm: what is the same in all episodes of a dataset that is being written, and how the format says it.

Unusual: shapes come as policies see them, cameras (3, height, width), and are written as LeRobot stores them, (height,
width, 3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from understudy.core.errors import ConfigError
from understudy.data.spec import FeatureSpec, FeatureType

Codec = Literal["h264", "av1"]

# pictures of a file stored as PNG, as LeRobot stores them
PICTURE_COLUMN = pa.struct({"bytes": pa.binary(), "path": pa.string()})
BOOKKEEPING = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
# SVT-AV1 refuses smaller pictures
_LEAST_SIDE = {"h264": 16, "av1": 64}


@dataclass(frozen=True)
class DatasetForm:
    """Features, rate and storage of a dataset.

    features     what every frame has: float32 vectors (n,), uint8 cameras (3, h, w)
    fps          frames a second
    codec        how videos are encoded; None: every picture a PNG in the table, without loss
    robot_type   what the dataset calls the robot

    Raises ConfigError for features that LeRobot could not read back, or that a codec cannot store.
    """

    features: dict[str, FeatureSpec]
    fps: int
    codec: Codec | None = "h264"
    robot_type: str | None = None

    def __post_init__(self) -> None:
        if self.fps < 1:
            raise ConfigError(f"a dataset cannot have {self.fps} frames a second")
        for name, feature in self.features.items():
            _check_name(name, feature)
            if name in self.cameras:
                self._check_size(name)

    @property
    def cameras(self) -> list[str]:
        """The features that are pictures."""
        return [name for name, feature in self.features.items() if feature.type is FeatureType.VISUAL]

    @property
    def vectors(self) -> list[str]:
        """The features that are numbers."""
        return [name for name in self.features if name not in self.cameras]

    @property
    def videos(self) -> list[str]:
        """The cameras that become mp4 files."""
        return self.cameras if self.codec else []

    def size_of(self, camera: str) -> tuple[int, int]:
        """(height, width) of a camera's pictures."""
        _, height, width = self.features[camera].shape
        return height, width

    def schema(self) -> pa.Schema:
        """The columns of the frame table. The metadata tells generic tools of the Hub which columns are pictures."""
        columns = {name: self._column(name) for name in self.features if name not in self.videos}
        columns |= {name: pa.type_for_alias(kind) for name, kind in BOOKKEEPING.items()}
        return pa.schema(columns, metadata={"huggingface": _for_the_hub(columns)})

    def _column(self, name: str) -> pa.DataType:
        if name in self.cameras:
            return PICTURE_COLUMN
        (length,) = self.features[name].shape
        # LeRobot refuses a list of one number where it expects the number
        return pa.float32() if length == 1 else pa.list_(pa.float32(), length)

    def described(self, facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """`features` of info.json. `facts`: camera -> what is known of its stream."""
        entries = {name: self._entry(name, facts) for name in self.features}
        return entries | {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in BOOKKEEPING.items()}

    def _entry(self, name: str, facts: dict[str, dict[str, Any]]) -> dict[str, Any]:
        feature = self.features[name]
        if name not in self.cameras:
            return {"dtype": "float32", "shape": list(feature.shape), "names": list(feature.names) or None}
        pixels = {"shape": [*self.size_of(name), 3], "names": ["height", "width", "channels"]}
        if name not in self.videos:
            return {"dtype": "image", **pixels}
        return {"dtype": "video", **pixels, "info": facts[name]}

    def check_frame(self, frame: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError when a frame is not of this form: a fault of the program that records."""
        for name, feature in self.features.items():
            shape = (*self.size_of(name), 3) if name in self.cameras else feature.shape
            if name not in frame or frame[name].shape != shape:
                found = frame[name].shape if name in frame else "nothing"
                raise ValueError(f"`{name}` of a frame has to be {shape}, got {found}")

    def _check_size(self, name: str) -> None:
        if self.codec is None:
            return
        height, width = self.size_of(name)
        if height % 2 or width % 2:
            raise ConfigError(
                f"the pictures of `{name}` are {width}x{height}: a video needs even numbers of pixels",
                hint="choose an even width and height, or store pictures with --dataset.video=false",
            )
        if min(height, width) < _LEAST_SIDE[self.codec]:
            raise ConfigError(
                f"the pictures of `{name}` are {width}x{height}: {self.codec} needs at least "
                f"{_LEAST_SIDE[self.codec]} pixels a side",
                hint="choose larger pictures, --dataset.vcodec=h264, or --dataset.video=false",
            )


def _check_name(name: str, feature: FeatureSpec) -> None:
    if "/" in name or not name or name in BOOKKEEPING:
        raise ConfigError(f"a feature cannot be called `{name}`", hint="LeRobot's format uses this name itself")
    rank = 3 if feature.type is FeatureType.VISUAL else 1
    if len(feature.shape) != rank:
        raise ConfigError(f"the feature `{name}` has {len(feature.shape)} dimensions, only {rank} can be written")
    if rank == 1 and "image" in name:
        # its joining of statistics takes everything with `image` in its name for a picture
        raise ConfigError(f"the vector `{name}` has `image` in its name, which LeRobot takes for a picture")


def _for_the_hub(columns: dict[str, pa.DataType]) -> str:
    def described(kind: pa.DataType) -> dict[str, Any]:
        if kind == PICTURE_COLUMN:
            return {"_type": "Image"}
        if pa.types.is_fixed_size_list(kind):
            return {"feature": described(kind.value_type), "length": kind.list_size, "_type": "Sequence"}
        return {"dtype": "float32" if kind == pa.float32() else str(kind), "_type": "Value"}

    return json.dumps({"info": {"features": {name: described(kind) for name, kind in columns.items()}}})
