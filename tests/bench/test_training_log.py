"""Both programs' step lines are read alike, and the pace is what the definitions say."""

from __future__ import annotations

import numpy as np
import pytest

from training_log import Step, pace_of, quantile, read_steps
from understudy.train.console import step_line
from watched_process import Line

LEROBOT = [
    "INFO 2026-01-31 15:14:14 ot_train.py:403 Start offline training on a fixed dataset, with effective batch size: 8",
    "Training:  25%|##5       | 1/4 [00:03<00:09,  3.02s/step]INFO 2026-01-31 15:14:17 ot_train.py:435 "
    "step:1 smpl:8 ep:0 epch:0.02 loss:87.246 grdn:1305.480 lr:1.0e-05 updt_s:2.837 data_s:0.184",
    "Training:  50%|#####     | 2/4 [00:04<00:04,  2.19s/step]INFO 2026-01-31 15:14:19 ot_train.py:435 "
    "step:2 smpl:16 ep:0 epch:0.04 loss:69.132 grdn:1115.579 lr:1.0e-05 updt_s:1.556 data_s:0.054",
    "INFO 2026-01-31 15:14:22 ot_train.py:529 End of training",
]


def test_lerobots_lines_are_found_behind_its_progress_bar() -> None:
    steps = read_steps([Line(float(i), text) for i, text in enumerate(LEROBOT)])
    assert steps == [Step(1.0, 2.837, 0.184), Step(2.0, 1.556, 0.054)]


def test_our_own_line_is_read_like_lerobots() -> None:
    numbers = {"loss": 1.0, "grad_norm": 2.0, "lr": 1e-5, "samples": 8, "episodes": 0.1, "epochs": 0.01}
    event = {"event": "step", "time": 0.0, "step": 1, **numbers, "update_s": 1.25, "data_s": 0.5, "samples_per_s": 5.0}
    assert read_steps([Line(7.0, step_line(event))]) == [Step(7.0, 1.25, 0.5)]


def test_the_pace_leaves_the_warm_up_out_and_counts_the_wait() -> None:
    steps = [Step(10.0, 9.0, 9.0), Step(20.0, 1.0, 0.0), Step(22.0, 1.0, 1.0), Step(25.0, 3.0, 0.0)]
    pace = pace_of(steps, warm_up=1)
    assert (pace.steps, pace.step_s, pace.steps_per_s) == (3, 2.0, 0.5)
    assert pace.outside_s == 2.5
    assert pace.data_share == pytest.approx(1 / 6)
    assert [pace.low_s, pace.high_s] == pytest.approx([1.2, 2.8])


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        pace_of([Step(1.0, 1.0, 0.0)] * 3, warm_up=2)


def test_a_quantile_is_numpys() -> None:
    values = sorted(np.random.default_rng(0).uniform(size=13).tolist())
    for q in (0.0, 0.1, 0.37, 0.9, 1.0):
        assert quantile(values, q) == pytest.approx(np.quantile(values, q))
