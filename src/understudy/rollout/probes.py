"""What a policy looks at, found by taking it away while it acts: an environment that shows something else.

    blank      a picture of one colour, the mean of the episode's first one; or the mean state instead of the state
    shuffle    the cameras see another episode: a second world, begun from another seed, in which the same actions are
               executed. The robot moves as it should in these pictures, and everything else is somewhere else

The physics, the expert and the success test stay those of the true world. A policy whose success does not suffer was
not looking.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from understudy.core.errors import ConfigError, nearest
from understudy.core.rng import derive
from understudy.data.spec import IMAGES, STATE
from understudy.envs.environment import Environment, Expert, Observation, Outcome, Task


class Veiled(Environment):
    """`env`, with the features `blank` hidden and, if `other` is given, the cameras in that world.

    other        a second environment of the same kind
    mean_state   (n,) what a blank state is; None: zeros
    """

    def __init__(
        self,
        env: Environment,
        *,
        blank: Collection[str] = (),
        other: Environment | None = None,
        mean_state: np.ndarray | None = None,
    ) -> None:
        super().__init__(env.task)
        self._env, self._other = env, other
        self._blank, self._mean_state = frozenset(blank), mean_state
        self._plain: dict[str, np.ndarray] = {}

    def begin(self, seed: int) -> str:
        if self._other is not None:
            # 31 bits, as every environment takes
            self._other.begin(derive(seed, 0, "shuffled cameras") >> 32)
        self._plain = {}
        return self._env.begin(seed)

    def advance(self, action: np.ndarray) -> Outcome:
        if self._other is not None:
            self._other.advance(action)
        return self._env.advance(action)

    def look(self, names: Collection[str] | None = None) -> Observation:
        wanted = list(self.task.spec.inputs()) if names is None else list(names)
        cameras = [name for name in wanted if name in self.task.cameras]
        shuffled = [] if self._other is None else [name for name in cameras if name not in self._blank]
        hidden = [name for name in wanted if name in self._blank and (name not in cameras or name in self._plain)]
        seen = self._env.look([name for name in wanted if name not in {*shuffled, *hidden}])
        if self._other is not None and shuffled:
            seen |= self._other.look(shuffled)
        for name in wanted:
            if name in self._blank:
                seen[name] = self._hidden(name, seen)
        return {name: seen[name] for name in wanted}

    def _hidden(self, name: str, seen: Observation) -> np.ndarray:
        if name not in self._plain:
            self._plain[name] = self._plain_value(name, seen)
        return self._plain[name]

    def _plain_value(self, name: str, seen: Observation) -> np.ndarray:
        if name in self.task.cameras:
            picture = seen[name]
            return np.broadcast_to(picture.mean((0, 1)).round().astype(np.uint8), picture.shape).copy()
        if name == STATE and self._mean_state is not None:
            return self._mean_state.astype(np.float32)
        return np.zeros(self.task.features[name].shape, np.float32)

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._env.picture(width, height)

    def expert(self) -> Expert:
        return self._env.expert()

    def close(self) -> None:
        self._env.close()
        if self._other is not None:
            self._other.close()


def blanked_features(task: Task, blank: str | None) -> list[str]:
    """The features that `blank` names: "cameras", "state", or one camera by its short or full name.

    Raises ConfigError when the task has nothing of that name.
    """
    if blank is None:
        return []
    short = {name.removeprefix(IMAGES): name for name in task.cameras}
    if blank == "cameras" and short:
        return list(task.cameras)
    if blank == "state" and STATE in task.features:
        return [STATE]
    name = short.get(blank, blank)
    if name in task.cameras:
        return [name]
    known = [*(["cameras", *short] if short else []), *(["state"] if STATE in task.features else [])]
    guess = nearest(blank, known)
    raise ConfigError(
        f"{task.name} has nothing called `{blank}` to blank" + (f"; did you mean `{guess}`?" if guess else ""),
        where="--eval.blank",
        hint=f"it can be one of: {', '.join(known) or 'none'}",
    )
