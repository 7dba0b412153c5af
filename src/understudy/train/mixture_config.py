"""`--dataset.mixture`: several datasets as one, and how much is drawn of each. Light: importing this imports no torch.

--dataset.repo_id='[you/cubes, you/more_cubes]'                  every frame as likely as any other
--dataset.mixture='{you/cubes: 1, you/corrections: 3}'           three of four samples are corrections
--dataset.mixture='[{repo_id: you/cubes, episodes: [0, 1, 2]}, {repo_id: you/old, rename_map: {there: here}}]'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from understudy.core.arguments import Settings
from understudy.core.config import check
from understudy.core.describe import written

_KINDS = "'[a, b]', '{a: 1, b: 3}', or a list of {repo_id: a, weight: 1, ...}"

Episode = Annotated[int, Field(ge=0)]


class MixturePart(BaseModel):
    """One of several datasets that are trained on together; its options mean what they mean for a single one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    repo_id: str = Field(min_length=1, description="dataset on the Hub (user/name), or a folder that holds one")
    weight: float | None = Field(
        None, gt=0, description="its share of what is drawn, relative to the others'; null for all: by their frames"
    )
    root: Path | None = Field(None, description="folder that holds the dataset; null: the cache, then the Hub")
    revision: str | None = Field(None, description="version on the Hub: a tag, branch or commit")
    episodes: list[Episode] | None = Field(None, description="use only these episodes, by their own numbers")
    exclude_episodes: list[Episode] | None = Field(None, description="leave these episodes out")
    eval_episodes: list[Episode] | None = Field(None, description="hold out exactly these episodes of it")
    rename_map: dict[str, str] = Field(
        default_factory=dict, description="feature names of this dataset -> policy's, where --rename_map does not say"
    )

    @field_validator("root")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @model_serializer(mode="wrap")
    def _what_was_said(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A record lists many parts: what each leaves open is left out."""
        return {name: value for name, value in serialize(self).items() if value not in (None, {})}

    @property
    def folder(self) -> Path | None:
        """The folder that was named, if one was."""
        return folder_of(self.repo_id, self.root)

    def found_from_anywhere(self) -> MixturePart:
        """The same, with the whole path of a folder that was named."""
        return self if self.folder is None else self.model_copy(update={"root": self.folder})


def folder_of(repo_id: str, root: Path | None) -> Path | None:
    """The whole path of the folder that names a dataset; None where only a repository is named."""
    named = root or Path(repo_id).expanduser()
    return named.resolve() if root is not None or named.is_dir() else None


def parts_of(value: Any) -> list[MixturePart]:
    """The parts that a mixture is given by: names, {name: weight}, or their own options.

    Raises ValueError for anything else, fewer than two of them, and weights that only some of them have.
    """
    if isinstance(value, Mapping):
        value = [{"repo_id": name, "weight": weight} for name, weight in value.items()]
    if not isinstance(value, list):
        raise ValueError(f"mixture is {_KINDS}; got `{written(value)}`")
    parts = [_part(part, position) for position, part in enumerate(value)]
    if len(parts) < 2:
        raise ValueError("a mixture is of two datasets or more; a single one is named by repo_id")
    if 0 < sum(part.weight is not None for part in parts) < len(parts):
        raise ValueError("give every dataset a weight, or none of them")
    return parts


def _part(value: Any, position: int) -> MixturePart:
    if isinstance(value, MixturePart):
        return value
    if isinstance(value, str):
        value = {"repo_id": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"mixture is {_KINDS}; got `{written(value)}` in it")
    if "repo_id" not in value:
        raise ValueError(f"part {position + 1} of the mixture names no dataset: it has no repo_id")
    part, faults = check(MixturePart, Settings(dict(value), files={(): f"part {position + 1} of the mixture"}))
    if part is None:
        raise ValueError("; ".join(faults))
    return part


def name_of(parts: Sequence[MixturePart]) -> str:
    """What a mixture is called."""
    return " + ".join(part.repo_id for part in parts)
