import pytest

from understudy.envs.catalogue import ENVIRONMENTS, EnvConfig, make_env
from understudy.rollout.actors import ExpertActor, HoldActor
from understudy.rollout.episode import run_episode

TASKS = [name for name in ENVIRONMENTS if name.startswith("so101/")]
# control steps within which an expert is done with room to spare
STEPS = {"so101/reach": 70, "so101/lift": 90, "so101/pick-place": 150, "so101/stack": 160, "so101/sort": 180}


@pytest.mark.parametrize("name", TASKS)
def test_ten_of_ten_succeed_in_time(name: str) -> None:
    env = make_env(EnvConfig(type=name, cameras=[]))
    episodes = [run_episode(env, ExpertActor(), seed) for seed in range(10)]
    assert [episode.reason for episode in episodes] == ["success"] * 10
    assert max(episode.steps for episode in episodes) <= STEPS[name]


@pytest.mark.parametrize("name", TASKS)
def test_it_answers_what_disturbs_it(name: str) -> None:
    from experts import disturbance

    env = make_env(EnvConfig(type=name, cameras=[]))
    episodes = [run_episode(env, ExpertActor(), seed, disturb=disturbance(0.01, seed)) for seed in range(2)]
    assert [episode.reason for episode in episodes] == ["success"] * 2


def test_it_fetches_a_cube_that_was_knocked_out_of_its_hand() -> None:
    env = make_env(EnvConfig(type="so101/lift", cameras=[]))
    env.begin(0)
    expert, world = env.expert(), env.world  # type: ignore[attr-defined]
    while world.where("cube")[2] < 0.04:
        env.advance(expert.act())
    world.put("cube", 0.20, 0.03, 0.3)
    world.settle()
    outcomes = [env.advance(expert.act()) for _ in range(100)]
    assert any(outcome.success for outcome in outcomes)


@pytest.mark.parametrize("name", TASKS)
def test_standing_still_succeeds_at_none(name: str) -> None:
    env = make_env(EnvConfig(type=name, cameras=[]))
    assert not any(run_episode(env, HoldActor(), seed, horizon=30).success for seed in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_of_a_thousand_at_least_99_percent_succeed(name: str) -> None:
    env = make_env(EnvConfig(type=name, cameras=[]))
    assert sum(run_episode(env, ExpertActor(), seed).success for seed in range(1000)) >= 990
