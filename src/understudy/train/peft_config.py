"""`--peft.*`: an adapter is trained in the place of the weights. LeRobot's flags; importing this imports no torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from .dataset_config import Group

if TYPE_CHECKING:
    from understudy.policies.config import PolicyConfig

# what peft calls `init_type`, and which of them need nothing but the weights
_INIT = {"LORA": "init_lora_weights", "MISS": "init_weights"}
_INITS = {"LORA": r"gaussian|orthogonal|olora|pissa(_niter_\d+)?", "MISS": "bat|mini"}


class PeftOptions(Group):
    """A new adapter beside the weights that --policy.path names."""

    target_modules: list[str] | str | None = Field(
        None,
        description="layers it is put beside: the ends of their names as a list, a pattern of whole names, or "
        "all-linear; null: the policy's own choice",
    )
    full_training_modules: list[str] | None = Field(
        None, description="modules that are trained whole and kept with the adapter: the ends of their names"
    )
    method_type: Literal["LORA", "MISS"] = Field("LORA", description="kind of adapter")
    init_type: str | None = Field(
        None,
        description="how it begins: gaussian, orthogonal, olora, pissa or pissa_niter_16 with LORA, bat or mini with "
        "MISS; null: peft's default, with which a run begins at the weights alone",
    )
    r: int = Field(16, ge=1, description="rank: numbers between its two matrices")
    lora_alpha: int | None = Field(
        None, ge=1, description="LORA alone: what it adds is multiplied by lora_alpha / r; null: peft's default, 8"
    )

    @field_validator("method_type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _of_the_method(self) -> PeftOptions:
        if self.init_type is not None and not re.fullmatch(_INITS[self.method_type], self.init_type):
            known = _INITS[self.method_type].replace(r"(_niter_\d+)?", "").replace("|", ", ")
            raise ValueError(f"init_type={self.init_type}: with {self.method_type} there are {known}")
        if self.lora_alpha is not None and self.method_type != "LORA":
            raise ValueError("lora_alpha belongs to method_type=LORA")
        return self

    def peft_json(self, policy: PolicyConfig) -> dict[str, Any]:
        """peft's options. Raises ConfigError where neither the user nor the policy says what it is put beside."""
        from understudy.core.errors import ConfigError

        targets = self.target_modules or policy.adapter_targets
        if not targets:
            raise ConfigError(
                f"{policy.type} makes no choice of layers for an adapter",
                where="--peft.target_modules",
                hint='name some, such as --peft.target_modules=\'["linear1", "linear2"]\', or all-linear',
            )
        given = {
            _INIT[self.method_type]: self.init_type,
            "modules_to_save": self.full_training_modules,
            "lora_alpha": self.lora_alpha,
        }
        return {
            "peft_type": self.method_type,
            "r": self.r,
            "target_modules": targets,
            **{name: value for name, value in given.items() if value is not None},
        }
