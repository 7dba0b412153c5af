"""DatasetConfig: which recordings are trained on, and how they are read. Light: importing this imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from understudy.core.arguments import parse_flow
from understudy.core.errors import ConfigError
from understudy.policies.config import own

from .image_transforms import ImageTransformsConfig
from .mixture_config import Episode, MixturePart, folder_of, name_of, parts_of

# options of a single dataset, which each part of a mixture has for itself
_OF_ONE = ("root", "revision", "episodes", "exclude_episodes", "eval_episodes")


class Group(BaseModel):
    """Options that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatasetConfig(Group):
    """Which recordings are trained on, and how they are read."""

    repo_id: str = Field(
        min_length=1, description="dataset on the Hub (user/name), or a folder that holds one; several: '[a, b]'"
    )
    mixture: list[MixturePart] | None = own(
        None, description="several datasets as one, with weights: '{a: 1, b: 3}', or a list of their options"
    )
    root: Path | None = Field(None, description="folder that holds the dataset; null: the cache, then the Hub")
    image_transforms: ImageTransformsConfig = Field(default_factory=ImageTransformsConfig)
    episodes: list[Episode] | None = Field(None, description="use only these episodes, such as [0, 1, 2]")
    exclude_episodes: list[Episode] | None = Field(None, description="leave these episodes out")
    revision: str | None = Field(None, description="version on the Hub: a tag, branch or commit")
    use_imagenet_stats: bool = Field(True, description="normalise cameras by ImageNet's mean and std")
    video_backend: Literal["pyav"] | None = Field(None, description="kept for LeRobot; videos are decoded by PyAV")
    eval_split: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of episodes held out for validation; null: about a tenth, drawn per episode; "
        "0: none; above 0: the last ones of each task, as LeRobot 0.6",
    )
    eval_episodes: list[Episode] | None = own(None, description="hold out exactly these episodes")
    split_seed: int | None = own(
        None, ge=0, description="draw the held-out episodes from this seed, not from the run's; null: from seed"
    )
    split_file: Path | None = own(None, description="take train, validation and test episodes from this split.json")
    split: Literal["episode", "window"] = own(
        "episode",
        description="what is held out: whole episodes, or windows drawn over all of them, which leaks (to repeat "
        "recipes that do so); eval_split and test_split are then shares of the windows",
    )
    test_split: float = own(
        0.0, ge=0, lt=1, description="share set apart as test, drawn per episode: neither trained on nor chosen by"
    )
    window_starts: list[Episode] | None = own(
        None, description="train and validate on windows that begin at these frames of an episode alone, such as [0, 5]"
    )
    statistics: Literal["train", "dataset", "policy"] = own(
        "train",
        description="normalise by the episodes trained on, by the statistics stored in the dataset, or by those of the "
        "policy started from",
    )
    frames: Literal["auto", "device", "disk", "ram", "decode"] = own(
        "auto",
        description="where decoded frames are kept: on the accelerator, in a file on disk, in memory, or nowhere "
        "(decode every time)",
    )

    @model_validator(mode="before")
    @classmethod
    def _several(cls, data: Any) -> Any:
        """A list of names is a mixture of them, and a mixture is called by its parts."""
        if not isinstance(data, dict):
            return data
        names, mixture = _listed(data.get("repo_id")), data.get("mixture")
        if isinstance(names, list) and mixture is None:
            if len(names) == 1 and isinstance(names[0], str):
                return data | {"repo_id": names[0]}
            mixture, names = names, None
        if mixture is None:
            return data
        parts = parts_of(mixture)
        if names is not None and names != name_of(parts):
            raise ValueError("repo_id and mixture both say what is trained on; give one of them (the other: null)")
        if given := [name for name in _OF_ONE if data.get(name) is not None]:
            raise ValueError(
                f"of several datasets each has its own {given[0]}: "
                f"dataset.mixture='[{{repo_id: ..., {given[0]}: ...}}, ...]'"
            )
        return data | {"repo_id": name_of(parts), "mixture": parts}

    @field_validator("root", "split_file")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("episodes", "exclude_episodes", "eval_episodes")
    @classmethod
    def _each_once(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and len(set(value)) < len(value):
            twice = sorted({episode for episode in value if value.count(episode) > 1})
            raise ValueError(f"episodes {twice} are named twice")
        return value

    @field_validator("window_starts")
    @classmethod
    def _some_frames(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and not value:
            raise ValueError("the list is empty; leave the option out to use every frame")
        if value == [0]:
            raise ValueError("an action error needs windows that begin later than an episode does")
        return None if value is None else sorted(set(value))

    @field_validator("episodes", "eval_episodes")
    @classmethod
    def _not_none_at_all(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and not value:
            raise ValueError("the list is empty; leave the option out to use every episode")
        return value

    @property
    def repo_ids(self) -> list[str]:
        """The datasets by name."""
        return [self.repo_id] if self.mixture is None else [part.repo_id for part in self.mixture]

    @property
    def holds_out_none(self) -> bool:
        """Whether no episode is to be held out."""
        named = [self.eval_episodes, *(part.eval_episodes for part in self.mixture or ())]
        return self.eval_split == 0 and not any(named)

    @property
    def weights(self) -> list[float] | None:
        """How much is drawn of each part; None: by their frames."""
        found = [part.weight for part in self.mixture or () if part.weight is not None]
        return found or None

    def found_from_anywhere(self) -> DatasetConfig:
        """The same, with whole paths, so that a run can be gone on with from any folder."""
        if self.mixture is not None:
            return self.model_copy(update={"mixture": [part.found_from_anywhere() for part in self.mixture]})
        folder = folder_of(self.repo_id, self.root)
        return self if folder is None else self.model_copy(update={"root": folder})

    @property
    def draws(self) -> bool:
        """Whether the split depends on a seed."""
        if self.split_file is not None:
            return False
        named = self.eval_episodes is not None or self.eval_split is not None
        return self.split == "window" or self.test_split > 0 or not named

    @model_validator(mode="after")
    def _one_way_to_split(self) -> DatasetConfig:
        if self.split_file is not None:
            others = {"eval_split", "eval_episodes", "split_seed", "test_split"} & self.model_fields_set
            given = sorted(name for name in others if getattr(self, name) is not None and getattr(self, name) != 0.0)
            given += ["split=window"] * (self.split == "window")
            if given:
                raise ValueError(f"split_file names every part; {', '.join(given)} would change that")
        if self.split == "window" and self.eval_episodes is not None:
            raise ValueError("split=window draws windows; eval_episodes names episodes")
        if self.split == "window" and (self.eval_split or 0.0) + self.test_split >= 1:
            raise ValueError("eval_split and test_split leave no window to train on")
        if self.split_seed is not None and not self.draws:
            raise ValueError("split_seed draws what is held out; eval_split and eval_episodes leave nothing to draw")
        return self

    @model_validator(mode="after")
    def _held_out_are_there(self) -> DatasetConfig:
        if self.eval_episodes is None:
            return self
        if self.eval_split:
            raise ValueError("eval_episodes and eval_split both say what is held out; give one of them")
        left_out = set(self.eval_episodes) & set(self.exclude_episodes or [])
        if self.episodes is not None:
            left_out |= set(self.eval_episodes) - set(self.episodes)
        if left_out:
            raise ValueError(f"eval_episodes {sorted(left_out)} are not among the episodes in use")
        return self


def _listed(repo_id: Any) -> Any:
    """The list that was typed for one name: '[a, b]'."""
    if not (isinstance(repo_id, str) and repo_id.startswith("[") and repo_id.endswith("]")):
        return repo_id
    try:
        return parse_flow(repo_id)
    except ConfigError as error:
        raise ValueError(error.what) from error
