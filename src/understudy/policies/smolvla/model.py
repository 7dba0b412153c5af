"""SmolVLA (Shukor et al., 2025): a small vision-language model reads, an action expert beside it draws actions.

B batch, S chunk, A action, N state
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import ACTION, MEMORY, STATE, Statistics, seen_name
from understudy.nn import flow
from understudy.nn.bf16 import autocast, keep_products_in_bf16
from understudy.nn.normalize import Normalizer
from understudy.nn.text_tokens import TextTokenizer
from understudy.nn.two_stream import Memory
from understudy.policies.base import Loss, Policy, evaluating
from understudy.policies.prefix import Prefix
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
# to be raised when pictures and words give something else from the same weights and options
_PREFIX = 1
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

    def prefixes(self, tasks: Sequence[str]) -> Mapping[str, Prefix]:
        vlm, cameras = self.model.vlm_with_expert.vlm.model, self.config.cameras
        # pixels are scaled and shifted: two of them tell how
        ends = torch.tensor([0, 255], dtype=torch.uint8, device=self.device)[:, None, None, None].expand(-1, 3, 1, 1)
        scales = {camera: self.normalizer.normalize_pixels(camera, ends).flatten().tolist() for camera in cameras}
        options = [_PREFIX, self.config.model_dump(mode="json", include={"vlm", "resize_imgs_with_padding"}), scales]
        tower = {"the vision tower": vlm.vision_model, "the connector": vlm.connector}
        words = _widened(self.instruction(tasks))
        told = [words[TOKENS].tolist(), self.config.add_image_special_tokens, self.config.empty_cameras]
        looks = {seen_name(camera): partial(self._look, camera) for camera in cameras}
        reads = {MEMORY: partial(self._packed, words[TOKENS].shape[1])}
        return {
            "memory": Prefix(reads, [*options, told], tower | {"the language model": vlm.text_model}),
            "features": Prefix(looks, options, tower),
        }

    def _look(self, camera: str, observation: dict[str, Tensor]) -> Tensor:
        """The tokens of a camera (B, n, D), kept or seen now."""
        if (known := observation.get(seen_name(camera))) is not None:
            return known.to(self.device)
        pixels = self.normalizer.normalize_pixels(camera, observation[camera].to(self.device))
        return self.model.look(fitted(pixels, self.config.resize_imgs_with_padding))

    def _read(self, observation: dict[str, Tensor]) -> Memory:
        """The memory of pictures and words, kept or made now."""
        if (known := observation.get(MEMORY)) is not None:
            assert self.config.vlm is not None
            return Memory.unpacked(known.to(self.device), self.config.vlm.kv_heads, self.config.vlm.head_width)
        seen: list[Tensor | None] = [self._look(camera, observation) for camera in self.config.cameras]
        seen += [None] * self.config.empty_cameras
        return self.model.read(seen, *(observation[name].to(self.device) for name in (TOKENS, TOKEN_MASK)))

    def _packed(self, width: int, observation: dict[str, Tensor]) -> Tensor:
        """The memory as one tensor, words padded to `width` tokens."""
        beyond = width - observation[TOKENS].shape[1]
        return self._read(observation | {n: F.pad(observation[n], (0, beyond)) for n in (TOKENS, TOKEN_MASK)}).packed()

    def _observed(self, observation: dict[str, Tensor]) -> Memory:
        """Everything the expert looks at."""
        self.check_observation(observation)
        config = self.config
        state = self.normalizer.normalize(STATE, observation[STATE].to(self.device).float())
        if config.adapt_to_pi_aloha:
            state = state_to_pi0(state)
        return self.model.observe(_padded(state, config.max_state_dim), self._read(observation))

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        """Noise (B, S, max_action_dim), times (B,), and the instruction's tokens, which torch cannot make.

        Times follow Beta(1.5, 1), whose distribution function is t^1.5, drawn from 0.001 to 1.
        """
        shape = (*batch.action.shape[:2], self.config.max_action_dim)
        uniform = rng.uniform("time", shape[:1], device=self.device)
        return {
            "noise": rng.normal("noise", shape, device=self.device),
            "time": uniform ** (2 / 3) * 0.999 + 0.001,
            **_widened(self.instruction(batch.task)),
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

    def trained_parts_changed(self) -> None:
        self.model.note_what_is_trained()

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


def _widened(words: dict[str, Tensor]) -> dict[str, Tensor]:
    """An instruction of one of few widths, so that torch.compile need not begin anew for each length of a task."""
    beyond = -words[TOKENS].shape[1] % _WIDTHS
    return {name: F.pad(value, (0, beyond)) for name, value in words.items()}
