"""What a history holds, as titled groups of curves."""

from __future__ import annotations

from fake_run import started, step, telemetry, validation
from understudy.report.events import history_of
from understudy.studio.panels import panels_of, side_by_side


def history(*more: dict[str, object]):
    events = [started(time=0.0)]
    for number in range(10, 110, 10):
        events += [step(number, 100), {"time": 6.0 * number, **telemetry(number)}]
    return history_of([*events, validation(100, 100), *more])


def names(panels) -> dict[str, list[str]]:
    return {title: [curve.name for curve in curves] for title, curves in panels.items()}


def test_everything_that_is_logged_has_a_panel() -> None:
    found = names(panels_of(history({"event": "evaluation", "step": 100, "successes": 9, "n": 10})))
    assert list(found) == [
        "Loss",
        "L1 loss",
        "KL loss, unweighted",
        "Held-out action error, standard deviations",
        "Success in simulation, %",
        "Learning rate",
        "Gradient norm before clipping",
        "Samples a second",
        "Wait for data, % of a step",
        "GPU power, W",
        "GPU temperature, °C",
        "CPU load, all cores, %",
        "Memory of the training process, GB",
    ]
    assert found["L1 loss"] == ["training", "held out"]


def test_what_is_not_logged_has_none() -> None:
    assert panels_of(history_of([])) == {}
    assert names(panels_of(history_of([{"event": "step", "step": 1, "loss": 0.5}]))) == {"Loss": ["training"]}


def test_a_held_out_loss_without_a_part_of_the_training_loss_is_not_drawn_beside_it() -> None:
    assert names(panels_of(history()))["Loss"] == ["training"]
    whole = panels_of(history({**validation(110, 100), "kld_loss": 0.1}))
    assert names(whole)["Loss"] == ["training", "held out"]


def test_success_is_in_percent_and_the_machine_in_minutes() -> None:
    panels = panels_of(history({"event": "evaluation", "step": 100, "successes": 9, "n": 10}))
    assert panels["Success in simulation, %"][0].y.tolist() == [90.0]
    assert panels["GPU power, W"][0].x[:2].tolist() == [1.0, 2.0]


def test_learning_rates_that_are_one_and_the_same_are_drawn_once() -> None:
    assert names(panels_of(history()))["Learning rate"] == ["lr", "backbone"]


def test_side_by_side_a_run_keeps_its_colour_and_references_are_left_out() -> None:
    merged = side_by_side({"a": panels_of(history()), "b": panels_of(history())})
    assert names(merged)["Held-out action error, standard deviations"] == ["a", "b"]
    assert [(curve.name, curve.look) for curve in merged["L1 loss"]] == [
        ("a: training", (0, 0)),
        ("a: held out", (0, 1)),
        ("b: training", (1, 0)),
        ("b: held out", (1, 1)),
    ]
