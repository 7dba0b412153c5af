"""SchedulerConfig: how the learning rate moves. Light: importing this imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from understudy.policies.config import own

from .dataset_config import Group

# which options each form has
_OPTIONS = {
    "cosine_decay_with_warmup": {"num_warmup_steps", "num_decay_steps", "peak_lr", "decay_lr"},
    "diffuser": {"num_warmup_steps", "name"},
    "cosine_annealing_with_warmup": {"num_warmup_steps"},
    "constant_with_warmup": {"num_warmup_steps"},
    "reduce_on_plateau": {"factor", "patience"},
}


class SchedulerConfig(Group):
    """How the learning rate moves: a factor on the optimiser's own rate."""

    type: Literal[
        "diffuser",
        "cosine_decay_with_warmup",
        "cosine_annealing_with_warmup",
        "constant_with_warmup",
        "reduce_on_plateau",
    ] = Field(description="form of the schedule; reduce_on_plateau (ours) follows the held-out loss")
    num_warmup_steps: int | None = Field(None, ge=0, description="updates until the full rate is reached")
    num_decay_steps: int | None = Field(None, ge=1, description="updates until decay_lr; cosine_decay_with_warmup only")
    peak_lr: float | None = Field(None, gt=0, description="rate that decay_lr is a part of; cosine_decay_with_warmup")
    decay_lr: float | None = Field(None, ge=0, description="rate at the end; cosine_decay_with_warmup only")
    name: Literal["cosine", "linear", "constant", "constant_with_warmup"] | None = Field(
        None, description="curve of the diffuser schedule; null: cosine"
    )
    factor: float | None = own(
        None, gt=0, lt=1, description="what the rate is multiplied by; reduce_on_plateau only; null: 0.6"
    )
    patience: int | None = own(
        None,
        ge=0,
        description="validations in a row that may bring no lower loss; reduce_on_plateau only; null: 6",
    )

    @model_validator(mode="after")
    def _complete(self) -> SchedulerConfig:
        given = {name for name, value in self if name != "type" and value is not None}
        known = _OPTIONS[self.type]
        if foreign := sorted(given - known):
            owner = next(kind for kind, options in _OPTIONS.items() if foreign[0] in options)
            raise ValueError(f"{', '.join(foreign)} {_belong(foreign)} to {owner}, not to {self.type}")
        if self.type == "cosine_decay_with_warmup" and (missing := sorted(known - given)):
            raise ValueError(f"{self.type} also needs {', '.join(missing)}")
        return self


def _belong(names: list[str]) -> str:
    return "belongs" if len(names) == 1 else "belong"
