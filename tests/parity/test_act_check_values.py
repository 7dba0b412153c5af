"""Numbers recorded from LeRobot 0.4.4 for four ACT models: counts, outputs, losses, gradients, intermediates."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from parity.act_cases import batch_of, config_of, policy_of, with_noise
from understudy.core.rng import Rng
from understudy.policies.act.model import Act
from understudy.policies.base import evaluating
from understudy.policies.horizon import TemporalEnsembler

VALUES: dict[str, Any] = json.loads((Path(__file__).parent / "act_check_values.json").read_text())
CASES = ["A", "B", "C", "D"]
WITH_OWN_OUTPUTS = ["A", "B", "C"]
NOISES = ["eps_zero", "eps_drawn"]


@cache
def policy(case: str) -> Act:
    return policy_of(case)


def close(ours: torch.Tensor, recorded: list[float] | float) -> None:
    """Outputs agree to 1e-5 absolute."""
    assert_close(ours.detach(), torch.tensor(recorded), rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_counts_of_parameters_and_entries_are_lerobots(case: str) -> None:
    assert sum(p.numel() for p in policy(case).parameters()) == VALUES[case]["parameters"]
    assert len(policy(case).state_dict()) == VALUES[case]["state_dict_entries"]


def test_the_so101_case_has_153_tensors_of_which_20_are_the_backbones() -> None:
    assert len(list(policy("B").parameters())) == 153
    assert [len(group["params"]) for group in policy("B").param_groups()] == [133, 20]


@pytest.mark.parametrize("case", CASES)
def test_predictions_and_their_moments_agree(case: str) -> None:
    recorded = VALUES["A" if case == "D" else case]["inference"]
    batch, _ = batch_of(case)
    actions = policy(case).predict(batch.observation)
    close(actions[0].flatten()[:8], recorded["first"])
    close(actions[1, -1], recorded["last_step"])
    close(actions.mean(), recorded["mean"])
    close(actions.std(), recorded["std"])


@pytest.mark.parametrize("noise_name", NOISES)
@pytest.mark.parametrize("case", WITH_OWN_OUTPUTS)
def test_training_mode_predictions_agree(case: str, noise_name: str) -> None:
    recorded = VALUES[case]
    batch, noise = batch_of(case)
    model = policy(case).model
    mean, log_variance = model.encode_chunk(batch.observation["observation.state"], batch.action, batch.action_is_pad)
    close(mean[0, :4], recorded["latent"]["mean"])
    close(log_variance[0, :4], recorded["latent"]["log_variance"])
    scale = 0.0 if noise_name == "eps_zero" else 1.0
    actions = model(batch.observation, mean + (log_variance / 2).exp() * noise * scale)
    close(actions[0].flatten()[:8], recorded[noise_name]["first"])
    close(actions[1, -1], recorded[noise_name]["last_step"])


@pytest.mark.parametrize("rule", ["all", "valid"])
@pytest.mark.parametrize("noise_name", NOISES)
@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradient_norms_agree(case: str, noise_name: str, rule: str) -> None:
    recorded = VALUES[case]["eps_zero" if case == "D" else noise_name]
    batch, noise = batch_of(case)
    ours = with_noise(policy(case), noise * (0 if noise_name == "eps_zero" else 1))
    ours.config = config_of(case, loss_normalization=rule)
    ours.zero_grad()
    loss = ours.loss(batch, Rng(0))
    loss.total.backward()
    norms = {name: p.grad.norm() for name, p in ours.named_parameters() if p.grad is not None}
    assert float(loss.parts["l1_loss"]) == pytest.approx(recorded[f"l1_{rule}"], rel=1e-5)
    assert float(loss.total.detach()) == pytest.approx(recorded[f"loss_{rule}"], rel=1e-5)
    if case == "D":
        assert "kld_loss" not in loss.parts
    else:
        assert float(loss.parts["kld_loss"]) == pytest.approx(recorded["kld"], rel=1e-5)
    total = torch.stack(list(norms.values())).norm()
    assert float(total) == pytest.approx(recorded[f"grad_norm_{rule}"], rel=1e-4)
    if rule == "all" and noise_name == "eps_drawn":
        for name, norm in VALUES[case].get("gradient_norms", {}).items():
            assert float(norms[name]) == pytest.approx(norm, rel=1e-4), name


@pytest.mark.parametrize("case", WITH_OWN_OUTPUTS)
def test_the_feature_map_the_encoder_and_the_decoder_agree(case: str) -> None:
    recorded = VALUES[case]["intermediate"]
    batch, _ = batch_of(case)
    model = policy(case).model
    with evaluating(model), torch.no_grad():
        features = model.backbone(batch.observation["observation.images.front"])
        tokens, positions = model.observe(batch.observation, torch.zeros(2, model.config.latent_dim))
        encoded = model.encoder(tokens, positions)
        decoded = model.decode(encoded, positions)
    close(features[0, :4, 0, 0], recorded["feature_map"])
    close(features.mean(), recorded["feature_map_mean"])
    assert encoded.shape[1] == recorded["tokens"]
    close(encoded[0, 0, :4], recorded["encoder_first_token"])
    close(encoded[0, -1, :4], recorded["encoder_last_token"])
    close(decoded[0, 0, :4], recorded["decoder_first_query"])


@pytest.mark.parametrize("case", ["A", "B"])
def test_the_position_tables_agree(case: str) -> None:
    model = policy(case).model
    half = model.config.dim_model // 2
    table = model.grid_positions(torch.zeros(1, 1, 3, 3)).view(3, 3, -1)
    recorded = VALUES[case]["grid_table"]
    close(table[:, 0, 0], recorded["rows_channel_0"])
    close(table[0, 0, :4], recorded["first_cell"])
    close(table[1, 2, half : half + 4], recorded["cell_1_2_second_half"])
    recorded = VALUES[case]["sequence_table"]
    sequence = model.vae_encoder_pos_enc[0]
    assert len(sequence) == recorded["rows"]
    close(sequence[1, :6], recorded["row_1"])
    close(sequence[-1, -4:], recorded["last_row"])


def test_the_temporal_ensembler_returns_the_recorded_actions() -> None:
    chunks = np.random.Generator(np.random.PCG64(0)).standard_normal((7, 1, 4, 2)).astype(np.float32)
    ensembler = TemporalEnsembler(0.01, 4)
    returned = torch.cat([ensembler.update(torch.from_numpy(chunk)) for chunk in chunks])
    close(returned, VALUES["temporal_ensembler"])
