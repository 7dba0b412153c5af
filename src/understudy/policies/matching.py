"""Do a policy and a dataset, or a task, speak of the same things? If not: both in two columns; nothing is guessed."""

from __future__ import annotations

from understudy.core.errors import ConfigError, nearest
from understudy.data.spec import DatasetSpec, FeatureSpec

from .config import Feature, PolicyConfig


def check_features(config: PolicyConfig, spec: DatasetSpec, of: str = "dataset") -> None:
    """Every feature the policy reads or writes has to be in the dataset, with the same kind and shape.

    of   what `spec` describes, for the error: "dataset" or "task"

    Raises ConfigError with a table of both sides, and a rename to try where one name is close to another.
    """
    wanted = {**config.input_features, **config.output_features}
    faults = [name for name, feature in wanted.items() if not _same(feature, spec.features.get(name))]
    if not faults:
        return
    raise ConfigError(
        f"the features of the policy are not those of the {of}\n" + table(wanted, spec.features, of),
        hint=_hint(faults, wanted, spec.features, of),
    )


def table(wanted: dict[str, Feature], found: dict[str, FeatureSpec], of: str = "dataset") -> str:
    """Policy on the left, the other on the right, a mark before each line that does not fit."""
    rows = [("", "the policy wants", f"the {of} has")]
    for name, feature in wanted.items():
        other = found.get(name)
        mark = " " if _same(feature, other) else "x"
        rows.append((mark, f"{name} {_shape(feature.shape)}", f"{name} {_shape(other.shape)}" if other else "-"))
    rows += [(" ", "-", f"{name} {_shape(other.shape)}") for name, other in found.items() if name not in wanted]
    width = max(len(left) for _, left, _ in rows)
    return "\n".join(f"  {mark:1} {left:<{width}}  {right}" for mark, left, right in rows)


def _same(feature: Feature, other: FeatureSpec | None) -> bool:
    return other is not None and other.type == feature.type and tuple(other.shape) == tuple(feature.shape)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _hint(faults: list[str], wanted: dict[str, Feature], found: dict[str, FeatureSpec], of: str) -> str:
    unused = [name for name in found if name not in wanted]
    for name in faults:
        if name in found:
            continue
        # only the last part says which one it is: all cameras begin with the same words
        alike = {other.rpartition(".")[2]: other for other in unused if _same(wanted[name], found[other])}
        guess = (
            next(iter(alike.values())) if len(alike) == 1 else alike.get(nearest(name.rpartition(".")[2], alike) or "")
        )
        if guess and of == "dataset":
            return f'if it is the same thing under another name: --rename_map=\'{{"{guess}": "{name}"}}\''
    if of == "task":
        return "choose the cameras and their size as the policy was trained: --env.cameras, --env.width, --env.height"
    return "take the dataset the policy was trained on, or one recorded with the same robot and cameras"
