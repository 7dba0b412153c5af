"""ACT, the Action Chunking Transformer (Zhao et al., 2023), with LeRobot's parameter names, order and arithmetic.

While training, a small encoder reads the demonstrated chunk and says which of the many ways to do the task it is (the
latent z, kept near a unit normal by the KL part of the loss). The main encoder reads z, the robot's state and every
cell of the cameras' feature maps; the decoder asks it one question per future action. When predicting, z is 0.

    B batch, S chunk, A action, N state, L latent, D width, T tokens
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.core.errors import ConfigError
from understudy.core.rng import Rng
from understudy.data.spec import ACTION, ENVIRONMENT, STATE, Statistics
from understudy.nn.bf16 import autocast, keep_products_in_bf16
from understudy.nn.keypoints import KeypointTokens
from understudy.nn.normalize import Normalizer
from understudy.nn.positions import GridPositions, sequence_table
from understudy.nn.resnet import ResNet
from understudy.nn.transformer import Decoder, Encoder, Shape, xavier_uniform_matrices
from understudy.policies.act.config import ActConfig
from understudy.policies.act.weights import calibrate_backbone, load_backbone
from understudy.policies.base import Loss, Policy, evaluating

if TYPE_CHECKING:
    from understudy.data.spec import Batch


class ActNetwork(nn.Module):
    """The network, on normalised numbers. Submodules stand in LeRobot's order: optimiser states are indexed by it."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        self.config = config
        shape = Shape(
            width=config.dim_model,
            heads=config.n_heads,
            feedforward=config.dim_feedforward,
            dropout=config.dropout,
            activation=config.feedforward_activation,
            pre_norm=config.pre_norm,
        )
        width, chunk, latent = config.dim_model, config.chunk_size, config.latent_dim
        state, environment = config.state, config.environment
        actions = config.output_features[ACTION].shape[0]
        if config.use_vae:
            self.vae_encoder = Encoder(config.n_vae_encoder_layers, shape)
            self.vae_encoder_cls_embed = nn.Embedding(1, width)
            if state:
                self.vae_encoder_robot_state_input_proj = nn.Linear(state.shape[0], width)
            self.vae_encoder_action_input_proj = nn.Linear(actions, width)
            self.vae_encoder_latent_output_proj = nn.Linear(width, 2 * latent)
            table = sequence_table(1 + bool(state) + chunk, width)
            self.vae_encoder_pos_enc: Tensor
            self.register_buffer("vae_encoder_pos_enc", table[None])

        if config.sees_keypoints:
            self.keypoints = KeypointTokens(len(config.cameras), width)
        elif config.cameras:
            self.backbone = ResNet(config.vision_backbone, dilate_last_stage=config.replace_final_stride_with_dilation)
        self.encoder = Encoder(config.n_encoder_layers, shape)
        self.decoder = Decoder(config.n_decoder_layers, shape)
        if state:
            self.encoder_robot_state_input_proj = nn.Linear(state.shape[0], width)
        if environment:
            self.encoder_env_state_input_proj = nn.Linear(environment.shape[0], width)
        self.encoder_latent_input_proj = nn.Linear(latent, width)
        if config.cameras and not config.sees_keypoints:
            self.encoder_img_feat_input_proj = nn.Conv2d(self.backbone.channels, width, 1)
            self.grid_positions = GridPositions(width)
        self.encoder_1d_feature_pos_embed = nn.Embedding(1 + bool(state) + bool(environment), width)
        self.decoder_pos_embed = nn.Embedding(chunk, width)
        self.action_head = nn.Linear(width, actions)
        xavier_uniform_matrices(self.encoder)  # the latent's encoder keeps torch's own initialisation, as in LeRobot
        xavier_uniform_matrices(self.decoder)

    def encode_chunk(self, state: Tensor | None, actions: Tensor, is_pad: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent: state (B, N), actions (B, S, A), is_pad (B, S) -> two of (B, L)."""
        tokens = [self.vae_encoder_cls_embed.weight.expand(len(actions), 1, -1)]
        if state is not None:
            tokens.append(self.vae_encoder_robot_state_input_proj(state)[:, None])
        ignore = nn.functional.pad(is_pad, (len(tokens), 0), value=False)
        tokens.append(self.vae_encoder_action_input_proj(actions))
        encoded = self.vae_encoder.first(torch.cat(tokens, dim=1), self.vae_encoder_pos_enc, ignore)
        mean, log_variance = self.vae_encoder_latent_output_proj(encoded).float().chunk(2, dim=-1)
        return mean, log_variance

    def observe(self, observation: dict[str, Tensor], latent: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D) and their positions (1, T, D): latent, state, environment, then the cells of each camera."""
        tokens = [self.encoder_latent_input_proj(latent)[:, None]]
        if self.config.state:
            tokens.append(self.encoder_robot_state_input_proj(observation[STATE])[:, None])
        if self.config.environment:
            tokens.append(self.encoder_env_state_input_proj(observation[ENVIRONMENT])[:, None])
        positions = [self.encoder_1d_feature_pos_embed.weight[None]]
        if self.config.sees_keypoints:
            tokens.append(self.keypoints([observation[camera] for camera in self.config.cameras]))
            positions.append(self.keypoints.positions.weight[None])
            return torch.cat(tokens, dim=1), torch.cat(positions, dim=1)
        for camera in self.config.cameras:
            features = self.encoder_img_feat_input_proj(self.backbone(observation[camera]))  # (B, D, h / 32, w / 32)
            tokens.append(features.flatten(2).transpose(1, 2))
            positions.append(self.grid_positions(features))
        return torch.cat(tokens, dim=1), torch.cat(positions, dim=1)

    def decode(self, memory: Tensor, positions: Tensor) -> Tensor:
        """What the encoder says, (B, T, D), and where -> one vector per future action, (B, S, D)."""
        questions = self.decoder_pos_embed.weight[None]
        return self.decoder(memory.new_zeros(len(memory), *questions.shape[1:]), memory, questions, positions)  # type: ignore[no-any-return]

    def forward(self, observation: dict[str, Tensor], latent: Tensor) -> Tensor:
        """observation (normalised) and latent (B, L) -> actions (B, S, A), normalised."""
        tokens, positions = self.observe(observation, latent)
        actions: Tensor = self.action_head(self.decode(self.encoder(tokens, positions), positions))
        return actions


class Act(Policy):
    """The network with its statistics: takes and gives the dataset's own units."""

    is_stochastic: ClassVar[bool] = True
    config: ActConfig

    def __init__(self, config: ActConfig, statistics: Statistics) -> None:
        super().__init__()
        self.config = config
        self.normalizer = Normalizer(statistics, config.modes())
        self.model = ActNetwork(config)
        self.backbone_source = "keypoints" if config.sees_keypoints else "checkpoint"

    def start_backbone(self) -> None:
        """Give the backbone of a new policy its pretrained weights. Raises ConfigError when they cannot be had."""
        if self.config.cameras and not self.config.sees_keypoints:
            self.backbone_source = load_backbone(self.model.backbone, self.config)

    def _normalized(self, observation: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the network looks at, on its device and on its scale."""
        self.check_observation(observation)
        seen = {}
        for name in self.normalizer.modes:
            if name == ACTION:
                continue
            value = observation[name].to(self.device)
            if name in self.config.cameras:
                seen[name] = self.normalizer.normalize_pixels(name, value)
            else:
                seen[name] = self.normalizer.normalize(name, value.float())
        return seen

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        if not (self.config.use_vae and self.training):
            return {}
        return {"latent": self.latent_noise(rng, self._no_latent(len(batch.action)))}

    def loss_given(self, batch: Batch, draws: dict[str, Tensor]) -> Loss:
        """L1 of the chunk, plus `kl_weight` times the KL part while training with the latent encoder.

        In eval mode the latent is 0 and there is no KL part. Draws: "latent" (B, L).
        """
        observation = self._normalized(batch.observation)
        actions = self.normalizer.normalize(ACTION, batch.action.to(self.device))
        is_pad = batch.action_is_pad.to(self.device)
        if "latent" not in draws:
            predicted = self.model(observation, self._no_latent(len(actions)))
            l1 = self._l1(predicted, actions, is_pad, batch.valid_steps)
            return Loss(l1, {"l1_loss": l1.detach()})
        mean, log_variance = self.model.encode_chunk(observation.get(STATE), actions, is_pad)
        predicted = self.model(observation, mean + (log_variance / 2).exp() * draws["latent"])
        l1 = self._l1(predicted, actions, is_pad, batch.valid_steps)
        kld = (-0.5 * (1 + log_variance - mean.square() - log_variance.exp())).sum(-1).mean()
        return Loss(l1 + self.config.kl_weight * kld, {"l1_loss": l1.detach(), "kld_loss": kld.detach()})

    def latent_noise(self, rng: Rng, like: Tensor) -> Tensor:
        """The unit-normal draw that turns mean and variance into a latent: the shape of `like`, (B, L)."""
        return rng.normal("latent", like.shape, device=like.device, dtype=like.dtype)

    def _l1(self, predicted: Tensor, actions: Tensor, is_pad: Tensor, steps: Tensor | None) -> Tensor:
        """Mean absolute error, without what lies past the end of the episode; see `loss_normalization`.

        steps   what to divide by instead of the number of actions inside their episode; see `Batch.valid_steps`
        """
        valid = (~is_pad)[..., None]
        error = ((predicted - actions).abs() * valid).sum()
        if self.config.loss_normalization == "all":
            return error / actions.numel()
        steps = valid.sum() if steps is None else steps
        return error / (steps * actions.shape[-1]).clamp(min=1)

    def _no_latent(self, size: int) -> Tensor:
        return torch.zeros(size, self.config.latent_dim, device=self.device, dtype=torch.float32)

    @torch.no_grad()
    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        """(B, chunk_size, action_dim) in the dataset's units. Deterministic: `rng` is not used."""
        kept = self.model.action_head.weight.dtype
        with evaluating(self), autocast("bf16" if kept is torch.bfloat16 else "fp32", self.device):
            seen = self._normalized(observation)
            actions = self.model(seen, self._no_latent(len(next(iter(seen.values())))))
        return self.normalizer.unnormalize(ACTION, actions.float())

    def predict_in_bf16(self) -> None:
        if self.config.sees_keypoints:
            raise ConfigError(
                "keypoints are coordinates, and finer than bf16", where="--policy.precision", hint="leave it out"
            )
        if self.config.cameras:
            self.model.backbone.fold_norms()
        keep_products_in_bf16(self.model)

    def param_groups(self) -> list[dict[str, Any]]:
        """Everything but the backbone, then the backbone with its own learning rate: LeRobot's two groups."""
        named = list(self.named_parameters())
        rest = [p for name, p in named if not name.startswith("model.backbone")]
        backbone = [p for name, p in named if name.startswith("model.backbone")]
        groups: list[dict[str, Any]] = [{"name": "transformer", "params": rest}]
        if backbone:
            groups.append({"name": "backbone", "params": backbone, "lr": self.config.optimizer_lr_backbone})
        return groups

    def calibrate(self, batches: Iterable[Batch]) -> str | None:
        """Measure the frozen norms of a random backbone on `batches`; see `backbone_norms`."""
        if self.backbone_source != "random" or self.config.backbone_norms == "identity":
            return None
        frames = calibrate_backbone(
            self.model.backbone, (self._normalized(b.observation) for b in batches), self.config
        )
        self.backbone_source = "random, measured"
        return f"backbone norms measured on {frames} frames"

    def warnings(self) -> list[str]:
        if self.backbone_source != "random":
            return []
        norms = "its norms will be measured on the dataset"
        if self.config.backbone_norms == "identity":
            norms = "its frozen norms have no effect (--policy.backbone_norms=measured mends that)"
        return [f"the image backbone {self.config.vision_backbone} starts from random weights; {norms}"]
