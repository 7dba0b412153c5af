"""What is written down of each dataset that a run is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.data.dataset_files import Part
    from understudy.data.lerobot import Dataset

    from .config import TrainConfig


def parts_and_facts(dataset: Dataset, config: TrainConfig) -> Iterator[tuple[Part, dict[str, Any]]]:
    """Each part of the dataset (itself, if it was not joined), with its name, fingerprint, size and weight."""
    weights: Sequence[float | None] = config.dataset.weights or [None] * len(dataset.parts)
    for part, weight in zip(dataset.parts, weights, strict=True):
        yield (
            part,
            {
                "repo_id": part.dataset.repo_id,
                "fingerprint": part.dataset.fingerprint,
                "episodes": len(part.dataset.episodes),
                "frames": part.dataset.num_rows,
                "weight": weight,
            },
        )
