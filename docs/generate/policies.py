"""The policies: what all of them take, and each one's own options."""

from __future__ import annotations

from understudy.core.describe import options_of
from understudy.core.registry import POLICY_CONFIGS, load
from understudy.policies.config import PolicyConfig

from .markdown import docstring, words
from .options import option_table

# not options: the name itself, and what is taken from the dataset
_GIVEN = ("type", "input_features", "output_features")


def policy_pages() -> dict[str, str]:
    """policies.md."""
    shared = [(path, field) for path, field in options_of(PolicyConfig, ("policy",)) if path[1] not in _GIVEN]
    parts = [
        "# Policies",
        "`--policy.type=NAME` chooses one, with fresh weights; `--policy.path=CHECKPOINT` starts from the weights of "
        "one. An option that LeRobot does not have is marked **ours**.",
        "## What all of them take",
        option_table(shared, PolicyConfig, marks_ours=True),
    ]
    for name in POLICY_CONFIGS:
        config: type[PolicyConfig] = load(POLICY_CONFIGS, name, "policy")
        own = [(path, field) for path, field in options_of(config, ("policy",)) if _is_own(path[1], config)]
        parts += [f"## {words(name)}", docstring(config.__doc__), option_table(own, config, marks_ours=True)]
    return {"policies.md": "\n\n".join(parts) + "\n"}


def _is_own(name: str, config: type[PolicyConfig]) -> bool:
    """Whether a policy has this option for itself, or has another default for it."""
    if name in _GIVEN:
        return False
    shared = PolicyConfig.model_fields.get(name)
    return shared is None or shared.default != config.model_fields[name].default
