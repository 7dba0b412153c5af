"""SmolVLA (Shukor et al., 2025): a small vision-language model reads, an action expert beside it draws actions.

B batch, S chunk, A action, N state
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import ACTION, STATE, Statistics, seen_name
from understudy.nn import flow
from understudy.nn.bf16 import autocast, keep_products_in_bf16
from understudy.nn.normalize import Normalizer
from understudy.nn.text_tokens import TextTokenizer
from understudy.nn.two_stream import Memory
from understudy.policies.base import Loss, Policy, evaluating
from understudy.policies.sight import Sight
from understudy.policies.smolvla.aloha import actions_from_pi0, actions_to_pi0, state_to_pi0
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.network import SmolVlaNetwork
from understudy.policies.smolvla.pictures import fitted
from understudy.policies.smolvla.sizes import check_pictures
from understudy.policies.smolvla.source import TOKENIZER_FOLDER, shape_of, tokenizer_beside, tokenizer_of, vlm_weights

if TYPE_CHECKING:
    from understudy.data.spec import Batch

# LeRobot's names of an instruction's tokens, and of which of them are no padding
TOKENS, TOKEN_MASK = "observation.language.tokens", "observation.language.attention_mask"
# to be raised when `look` gives something else from the same weights and options
_SIGHT = 1
# tokens of a task are padded to a multiple of this while training
_WIDTHS = 16


class SmolVla(Policy):
    """The network with its statistics and its tokenizer: takes and gives the dataset's own units."""

    is_stochastic: ClassVar[bool] = True
    config: SmolVlaConfig

    def __init__(self, config: SmolVlaConfig, statistics: Statistics) -> None:
        super().__init__()
        shape = shape_of(config)
        check_pictures(config, shape)
        self.config = config.model_copy(update={"vlm": shape})
        self.normalizer = Normalizer(statistics, config.modes())
        self._tokenizer: TextTokenizer | None = None
        # half a billion random numbers that a checkpoint is about to overwrite would take longer than reading it
        where = torch.get_default_device()
        with torch.device("meta"):
            self.model = SmolVlaNetwork(self.config, shape)
        self.model.to_empty(device=where)

    def start(self) -> None:
        """Give a new policy its first weights and its tokenizer. Raises ConfigError when they cannot be had."""
        self._take(tokenizer_of(self.config), "--policy.tokenizer_name")
        self.model.initialize()
        if self.config.load_vlm_weights:
            self._load_vlm()

    @torch.no_grad()
    def _load_vlm(self) -> None:
        vlm = self.model.vlm_with_expert.vlm
        wanted = vlm.state_dict()
        # rounded as LeRobot does when it reads them; so checkpoints can keep them in half the room
        found = {n: t.bfloat16() for n, t in vlm_weights(self.config.vlm_model_name, wanted).items()}
        if wrong := [n for n, t in wanted.items() if n not in found or found[n].shape != t.shape]:
            raise ConfigError(
                f"these are not the weights of this vision-language model: {len(wrong)} of {len(wanted)} tensors are "
                f"missing or of another shape, the first is {wrong[0]}",
                where="--policy.vlm_model_name",
            )
        vlm.load_state_dict(found)

    # -- words ----------------------------------------------------------------------------------------------------

    def _take(self, tokenizer: TextTokenizer, where: str) -> None:
        assert self.config.vlm is not None
        if tokenizer.size > self.config.vlm.vocabulary:
            raise CheckpointError(
                f"the tokenizer has {tokenizer.size} tokens, the model knows {self.config.vlm.vocabulary}",
                where=where,
                hint="it is another model's; take the one that the policy was trained with",
            )
        self._tokenizer = tokenizer

    def instruction(self, tasks: Sequence[str]) -> dict[str, Tensor]:
        """The tokens of an instruction for each sample, ended with a line break. Raises DataError for an empty one."""
        if any(not task.strip() for task in tasks) or not tasks:
            raise DataError(
                "SmolVLA is told what to do in words, but the task is empty",
                hint="say it with --task='pick up the cube'; a dataset names a task for each episode",
            )
        assert self._tokenizer is not None, "neither built nor loaded"
        lines = [task if task.endswith("\n") else f"{task}\n" for task in tasks]
        to_longest = self.config.pad_language_to == "longest"
        tokens, mask = self._tokenizer.encode(lines, self.config.tokenizer_max_length, pad_to_longest=to_longest)
        return {TOKENS: tokens.to(self.device), TOKEN_MASK: mask.to(self.device)}

    def own_files(self) -> Mapping[str, str]:
        files = {} if self._tokenizer is None else self._tokenizer.files
        return {f"{TOKENIZER_FOLDER}/{name}": content for name, content in files.items()}

    def read_own_files(self, folder: Path) -> None:
        self._take(tokenizer_beside(folder, self.config), str(folder))

    # -- what is seen ---------------------------------------------------------------------------------------------

    def check_observation(self, observation: dict[str, Tensor]) -> None:
        super().check_observation(observation)
        if TOKENS not in observation or TOKEN_MASK not in observation:
            raise DataError(
                "the observation lacks an instruction",
                hint="add one: observation | policy.instruction(['pick up the cube'])",
            )

    def sight(self) -> Sight:
        vlm = self.model.vlm_with_expert.vlm.model
        sizes = self.config.model_dump(mode="json", include={"vlm", "resize_imgs_with_padding"})
        # pixels are scaled and shifted: two of them tell how
        ends = torch.tensor([0, 255], dtype=torch.uint8, device=self.device)[:, None, None, None].expand(-1, 3, 1, 1)
        scales = {c: self.normalizer.normalize_pixels(c, ends).flatten().tolist() for c in self.config.cameras}
        parts = {"the vision tower": vlm.vision_model, "the connector": vlm.connector}
        return Sight(self.config.cameras, [_SIGHT, sizes, scales], parts)

    def look(self, camera: str, pictures: Tensor) -> Tensor:
        pixels = self.normalizer.normalize_pixels(camera, pictures.to(self.device))
        return self.model.look(fitted(pixels, self.config.resize_imgs_with_padding))

    def _observed(self, observation: dict[str, Tensor]) -> Memory:
        """Everything the expert looks at."""
        self.check_observation(observation)
        config = self.config
        seen: list[Tensor | None] = []
        for camera in config.cameras:
            known = observation.get(seen_name(camera))
            seen.append(self.look(camera, observation[camera]) if known is None else known.to(self.device))
        seen += [None] * config.empty_cameras
        tokens, mask = (observation[name].to(self.device) for name in (TOKENS, TOKEN_MASK))
        state = self.normalizer.normalize(STATE, observation[STATE].to(self.device).float())
        if config.adapt_to_pi_aloha:
            state = state_to_pi0(state)
        return self.model.observe(_padded(state, config.max_state_dim), self.model.read(seen, tokens, mask))

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        """Noise (B, S, max_action_dim), times (B,), and the instruction's tokens, which torch cannot make.

        Times follow Beta(1.5, 1), whose distribution function is t^1.5, drawn from 0.001 to 1.
        """
        words = self.instruction(batch.task)
        # of few widths, so that torch.compile need not begin anew for each length of a task
        beyond = -words[TOKENS].shape[1] % _WIDTHS
        shape = (*batch.action.shape[:2], self.config.max_action_dim)
        uniform = rng.uniform("time", shape[:1], device=self.device)
        return {
            "noise": rng.normal("noise", shape, device=self.device),
            "time": uniform ** (2 / 3) * 0.999 + 0.001,
            **{name: F.pad(value, (0, beyond)) for name, value in words.items()},
        }

    def loss_given(self, batch: Batch, draws: dict[str, Tensor]) -> Loss:
        """Mean squared error of the velocity; see `loss_normalization`."""
        words = {name: draws[name] for name in (TOKENS, TOKEN_MASK)}
        seen = self._observed({**batch.observation, **words})
        actions = self.normalizer.normalize(ACTION, batch.action.to(self.device))
        if self.config.adapt_to_pi_aloha:
            actions = actions_to_pi0(actions)
        own = actions.shape[-1]
        actions, noise, time = _padded(actions, self.config.max_action_dim), draws["noise"], draws["time"]
        noisy = flow.interpolate(noise, actions, 1 - time[:, None, None])
        error = (self.model(noisy, time, seen) - (noise - actions)).square()
        if self.config.loss_normalization == "all":
            total = error.mean()
        else:
            valid = ~batch.action_is_pad.to(self.device)[..., None]
            steps = valid.sum() if batch.valid_steps is None else batch.valid_steps
            total = (error[..., :own] * valid).sum() / (steps * own).clamp(min=1)
        return Loss(total, {"flow_loss": total.detach()})

    def param_groups(self) -> list[dict[str, Any]]:
        """One group of everything, frozen or not: LeRobot's optimiser states are indexed over all of it."""
        return [{"name": "network", "params": list(self.parameters())}]

    # -- predicting -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        """(B, chunk_size, action_dim) in the dataset's units: one draw for each observation, a function of `rng`."""
        kept = self.model.action_in_proj.weight.dtype
        with evaluating(self), autocast("bf16" if kept is torch.bfloat16 else "fp32", self.device):
            seen = self._observed(observation)
            shape = (len(observation[STATE]), self.config.chunk_size, self.config.max_action_dim)
            noise = (rng or Rng(0)).normal("noise", shape, device=self.device)

            def velocity(place: Tensor, time: float) -> Tensor:
                # the flow runs from noise at 0 here, and from noise at 1 in SmolVLA
                found: Tensor = self.model(place, place.new_full(place.shape[:1], 1 - time), seen)
                return -found.float()

            actions = flow.integrate(velocity, noise, self.config.num_steps)
        actions = actions[..., : self.config.output_features[ACTION].shape[0]]
        if self.config.adapt_to_pi_aloha:
            actions = actions_from_pi0(actions)
        return self.normalizer.unnormalize(ACTION, actions)

    def predict_in_bf16(self) -> None:
        keep_products_in_bf16(self.model)


def _padded(values: Tensor, width: int) -> Tensor:
    """(..., n) with zeros behind it, (..., width)."""
    return F.pad(values, (0, width - values.shape[-1]))
