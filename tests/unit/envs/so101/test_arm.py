import numpy as np

from understudy.envs.so101.arm import HIGH, JOINTS, LIMITS, LOW, NAMES, to_radians, to_units


def test_joints_have_the_names_and_the_order_of_lerobots_follower() -> None:
    assert JOINTS == ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
    assert NAMES[0] == "shoulder_pan.pos" and NAMES[-1] == "gripper.pos"


def test_body_joints_are_in_degrees_and_the_gripper_in_percent_open() -> None:
    assert np.allclose(to_units(LIMITS[:, 0]), LOW)
    assert np.allclose(to_units(LIMITS[:, 1]), HIGH)
    assert (LOW[5], HIGH[5]) == (0.0, 100.0)
    assert to_units(np.full(6, 0.5))[0] == np.rad2deg(0.5)


def test_units_convert_there_and_back() -> None:
    joints = np.random.default_rng(0).uniform(LIMITS[:, 0], LIMITS[:, 1])
    assert np.allclose(to_radians(to_units(joints)), joints, atol=1e-14)
