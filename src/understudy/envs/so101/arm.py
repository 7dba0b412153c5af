"""The arm's joints: names, order, limits and units, as LeRobot's SO-101 follower gives and takes them.

Body joints in degrees, zero in the middle of the range; the gripper 0 (closed) .. 100 (open). Degrees, and not
-100..100 of a calibrated range, because they are the default of LeRobot 0.4.4 (`use_degrees=True`) and need no
calibration file.
Inside, everything is in radians, in MuJoCo's joint coordinates.
"""

from __future__ import annotations

import numpy as np

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
ROBOT_TYPE = "so101_follower"

# degrees; from TheRobotStudio's SO-ARM100 model (Apache-2.0), rounded
_LIMITS_DEG = np.array([[-110, 110], [-100, 100], [-96.8, 96.8], [-95, 95], [-157.2, 162.8], [-10, 100]], dtype=float)
LIMITS = np.deg2rad(_LIMITS_DEG)  # (6, 2) rad

LOW = np.append(_LIMITS_DEG[:5, 0], 0.0)  # (6,) degrees and percent
HIGH = np.append(_LIMITS_DEG[:5, 1], 100.0)


def to_units(joints: np.ndarray) -> np.ndarray:
    """(6,) rad -> (6,) degrees and, last, percent open."""
    out: np.ndarray = np.rad2deg(joints)
    low, high = LIMITS[5]
    out[5] = 100.0 * (joints[5] - low) / (high - low)
    return out


def to_radians(values: np.ndarray) -> np.ndarray:
    """(6,) degrees and percent -> (6,) rad: the inverse of `to_units`."""
    out: np.ndarray = np.deg2rad(values)
    low, high = LIMITS[5]
    out[5] = low + values[5] / 100.0 * (high - low)
    return out
