"""tiny pi0-FAST: a chunk of actions written as tokens of its cosine transform (Pertsch et al., 2025), given the state.

Two ways of writing share this class: `coefficients` (ours) and `merged` (the study's); see the files of those names.
The tokenizer is fitted to the training windows before the first update and lies in the checkpoint beside the weights.

    B batch, S chunk, A action, N state
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from understudy.core.errors import CheckpointError, ConfigError, DataError
from understudy.core.rng import Rng
from understudy.data.spec import ACTION, STATE, Statistics
from understudy.nn.fast_tokens import UNK
from understudy.nn.normalize import Normalizer
from understudy.policies.base import Loss, Policy, evaluating
from understudy.policies.tiny_pi0_fast.coefficients import CoefficientNetwork
from understudy.policies.tiny_pi0_fast.config import TinyPi0FastConfig
from understudy.policies.tiny_pi0_fast.merged import MergedNetwork

if TYPE_CHECKING:
    from understudy.data.spec import Batch

TOKENIZER = "action_tokenizer.json"


class TinyPi0Fast(Policy):
    """The network with its statistics and its tokenizer: takes and gives the dataset's own units."""

    config: TinyPi0FastConfig

    def __init__(self, config: TinyPi0FastConfig, statistics: Statistics) -> None:
        super().__init__()
        self.config = config
        self.normalizer = Normalizer(statistics, config.modes())
        self.model = CoefficientNetwork(config) if config.tokens == "coefficients" else MergedNetwork(config)

    # -- training -------------------------------------------------------------------------------------------------

    def draws(self, batch: Batch, rng: Rng) -> dict[str, Tensor]:
        """`coefficients`: noise on the integers that are read; `merged`: the sequences, which torch cannot make."""
        return self.model.draws(self._chunks(batch), rng)

    def loss_given(self, batch: Batch, draws: dict[str, Tensor]) -> Loss:
        """Mean cross-entropy of the tokens of the windows that teach; see `past_the_end`.

        With `merged`, `unknown_tokens` is how many integers of a window the vocabulary does not have, on average.
        """
        state = self.normalizer.normalize(STATE, self._state(batch.observation))
        sums, counts = self.model.losses(state, self._chunks(batch), draws)
        if self.config.past_the_end == "skip":
            taught = ~batch.action_is_pad.to(self.device).any(-1)
            sums, counts = sums * taught, counts * taught
        total = sums.sum() / counts.sum().clamp(min=1)
        parts = {"token_loss": total.detach()}
        if "tokens" in draws:
            parts["unknown_tokens"] = (draws["tokens"] == UNK).sum(-1).float().mean()
        return Loss(total, parts)

    def _chunks(self, batch: Batch) -> Tensor:
        """Normalised actions (B, S, A), with the last one inside the episode in the place of what lies past its end."""
        is_pad = batch.action_is_pad.to(self.device)
        actions = self.normalizer.normalize(ACTION, batch.action.to(self.device))
        return _held(actions, is_pad)

    def _state(self, observation: dict[str, Tensor]) -> Tensor:
        self.check_observation(observation)
        return observation[STATE].to(self.device).float()

    def fit_actions(self, windows: Iterable[tuple[Tensor, Tensor]]) -> str | None:
        """Fit the tokenizer to the training windows. Raises DataError when none lies inside its episode."""
        chunks = []
        for actions, is_pad in windows:
            normalized = _held(self.normalizer.normalize(ACTION, actions.to(self.device)), is_pad.to(self.device))
            if self.config.past_the_end == "skip":
                normalized = normalized[~is_pad.any(-1).to(self.device)]
            chunks.append(normalized.cpu().double().numpy())
        whole = np.concatenate(chunks) if chunks else np.zeros((0, self.config.chunk_size, self.config.dims))
        if not len(whole):
            raise DataError(
                f"no episode is as long as a chunk ({self.config.chunk_size} actions), so no window would teach",
                hint="--policy.chunk_size: fewer actions; or --policy.past_the_end=hold: the last action is held",
            )
        return f"tokenizer of {len(whole):,} windows: {self.model.fit(whole)}"

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"name": "network", "params": list(self.parameters())}]

    # -- predicting -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, observation: dict[str, Tensor], rng: Rng | None = None) -> Tensor:
        """(B, chunk_size, action_dim) in the dataset's units. With a temperature above 0 a draw, by `rng`."""
        with evaluating(self):
            state = self.normalizer.normalize(STATE, self._state(observation))
            chunks = self.model.write(state, rng or Rng(0), temperature=self.config.temperature)
        return self.normalizer.unnormalize(ACTION, chunks)

    def predict_in_bf16(self) -> None:
        raise ConfigError(
            "tiny_pi0_fast is too small to gain from bf16, which is coarser than its integers",
            where="--policy.precision",
            hint="leave it out",
        )

    # -- files ----------------------------------------------------------------------------------------------------

    def own_files(self) -> Mapping[str, str]:
        return {TOKENIZER: self.model.tokenizer_json()}

    def read_own_files(self, folder: Path) -> None:
        path = folder / TOKENIZER
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                "the policy's tokenizer is missing or cannot be read",
                where=str(path),
                hint="without it the tokens mean nothing; copy the checkpoint again, with all of its files",
            ) from error
        self.model.read_tokenizer(text, str(path))


def _held(actions: Tensor, is_pad: Tensor) -> Tensor:
    """(B, S, A) with the last action that is no padding in the place of those that are, whatever stands there."""
    last = (~is_pad).sum(-1, keepdim=True).clamp(min=1) - 1
    index = torch.minimum(torch.arange(is_pad.shape[-1], device=is_pad.device), last)
    return actions.gather(-2, index[..., None].expand(actions.shape))
