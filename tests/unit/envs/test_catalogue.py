from __future__ import annotations

import pytest

from understudy.core.errors import ConfigError
from understudy.envs.catalogue import ENVIRONMENTS, check_name, listed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("pendulum/clam", "pendulum/calm"), ("aloha/transfer", "aloha/transfer-cube"), ("lift", "so101/lift")],
)
def test_an_unknown_task_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean `{meant}`") as error:
        check_name(typed)
    assert error.value.where == "--env.type"
    assert "pusht, metaworld/TASK (50 tasks)" in str(error.value.hint)


def test_every_task_is_listed_and_those_of_meta_world_as_one() -> None:
    names = listed(list(ENVIRONMENTS))
    assert set(ENVIRONMENTS) - set(names) == {n for n in ENVIRONMENTS if n.startswith("metaworld/")}
    assert listed(["pusht"]) == ["pusht"]
