"""SmolVLA's network, on normalised and padded numbers, with LeRobot's parameter names and their order.

What is read (pictures, instruction, state) leaves a memory; the expert looks at it while it draws actions. The three
parts can be computed apart, each once for all that follows: `look` at a picture, `read` pictures and words, `observe`
the state. While the language model is frozen the first two need no gradient and never change.

    B batch, S chunk, A padded action, N padded state, D width of the language model, E width of the expert
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.nn.recompute import recompute
from understudy.nn.two_stream import Expert, Memory, Reader, RmsNorm, StreamLayer, StreamShape
from understudy.nn.vision_tower import VisionTower, shuffled
from understudy.policies.smolvla.sizes import crosses, expert_stream, text_stream, vision_tower

if TYPE_CHECKING:
    from understudy.policies.smolvla.config import SmolVlaConfig
    from understudy.policies.smolvla.vlm import VlmShape


class Projection(nn.Module):
    """The connector's one linear map, under the name it has in every file."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, width, bias=False)


class Connector(nn.Module):
    """Patches of the vision tower -> tokens of the language model."""

    def __init__(self, shape: VlmShape) -> None:
        super().__init__()
        self.shuffle = shape.shuffle
        self.modality_projection = Projection(shape.vision_width * shape.shuffle**2, shape.text_width)

    def forward(self, patches: Tensor) -> Tensor:
        return self.modality_projection.proj(shuffled(patches, self.shuffle))  # type: ignore[no-any-return]


class VlmParts(nn.Module):
    """Vision tower, connector and language model."""

    def __init__(self, shape: VlmShape, text: StreamShape) -> None:
        super().__init__()
        self.vision_model = VisionTower(vision_tower(shape))
        self.connector = Connector(shape)
        self.text_model = Reader(text, shape.vocabulary)


class Vlm(nn.Module):
    """The vision-language model; its head, which would name the next word, is in every file and never used."""

    def __init__(self, shape: VlmShape, text: StreamShape) -> None:
        super().__init__()
        self.model = VlmParts(shape, text)
        self.lm_head = nn.Linear(shape.text_width, shape.vocabulary, bias=False)


class VlmWithExpert(nn.Module):
    """The two streams."""

    def __init__(self, config: SmolVlaConfig, shape: VlmShape) -> None:
        super().__init__()
        text, expert = text_stream(config, shape), expert_stream(config, shape)
        self.vlm = Vlm(shape, text)
        self.lm_expert = Expert(expert, crosses(config, expert.layers), text.layers)


class SmolVlaNetwork(nn.Module):
    """The network. Submodules stand in LeRobot's order: optimiser states are indexed by it."""

    def __init__(self, config: SmolVlaConfig, shape: VlmShape) -> None:
        super().__init__()
        self.config = config
        self._special = (shape.fake_token, shape.global_token)
        width, stream = shape.text_width, expert_stream(config, shape)
        expert = stream.width
        self.vlm_with_expert = VlmWithExpert(config, shape)
        self.state_proj = nn.Linear(config.max_state_dim, width)
        self.action_in_proj = nn.Linear(config.max_action_dim, expert)
        self.action_out_proj = nn.Linear(expert, config.max_action_dim)
        self.action_time_mlp_in = nn.Linear(2 * expert, expert)
        self.action_time_mlp_out = nn.Linear(expert, expert)
        self._freeze(stream.layers)
        if config.gradient_checkpointing:
            recompute(self)

    @property
    def _parts(self) -> VlmParts:
        return self.vlm_with_expert.vlm.model

    def _freeze(self, expert_layers: int) -> None:
        """Mark what is not trained: by the options, and, as LeRobot 0.6, the ends of the language model."""
        frozen: list[nn.Module] = []
        if self.config.train_expert_only:
            frozen.append(self.vlm_with_expert.vlm)
        else:
            layers = self._parts.text_model.layers
            frozen += [self.vlm_with_expert.vlm.lm_head, self._parts.text_model.norm, layers[-1]]
            if expert_layers < len(layers):
                frozen.append(layers[-2])
        if self.config.freeze_vision_encoder:
            frozen.append(self._parts.vision_model)
        if not self.config.train_state_proj:
            frozen.append(self.state_proj)
        for module in frozen:
            module.requires_grad_(False)
        self.note_what_is_trained()

    def note_what_is_trained(self) -> None:
        """Look which parts of what is read need a graph: the others are computed without."""
        parts = self._parts
        self._tower_learns = _learns(parts.vision_model)
        self._connector_learns = self._tower_learns or _learns(parts.connector)
        self._reader_learns = self._connector_learns or _learns(parts.text_model)

    def initialize(self) -> None:
        """Random weights: normal ones of 0.02 in the two streams, torch's own elsewhere, as LeRobot's."""
        crossing = {
            id(projection)
            for layer in self.vlm_with_expert.lm_expert.layers
            if isinstance(layer, StreamLayer) and layer.crosses
            for projection in (layer.self_attn.k_proj, layer.self_attn.v_proj)
        }
        streams = {id(module) for module in self.vlm_with_expert.modules()} - crossing
        for module in self.modules():
            if isinstance(module, RmsNorm):
                nn.init.ones_(module.weight)
            elif isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d) and id(module) in streams:
                nn.init.normal_(module.weight, std=0.02)
                if not isinstance(module, nn.Embedding) and module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear | nn.LayerNorm):
                module.reset_parameters()

    # -- what is read ---------------------------------------------------------------------------------------------

    def look(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) of one camera, in -1..1 -> their tokens (B, n, D): a constant while all is frozen."""
        with _gradient(self._tower_learns):
            patches = self._parts.vision_model(pictures)
        with _gradient(self._connector_learns):
            return self._parts.connector(patches)  # type: ignore[no-any-return]

    def read(self, seen: Sequence[Tensor | None], tokens: Tensor, mask: Tensor) -> Memory:
        """The memory of pictures and words. It does not know the state, nor what is trained of the expert.

        seen          for each camera what `look` gave; None for a camera that is not there
        tokens, mask  (B, T) of the instruction, mask false for padding
        """
        scale = math.sqrt(self._parts.text_model.embed_tokens.embedding_dim)
        size = len(tokens)
        with _gradient(self._reader_learns):
            parts: list[Tensor] = []
            for picture in seen:
                around = self._around(size) if self.config.add_image_special_tokens else []
                parts += [*around[:1], *([] if picture is None else [picture * scale]), *around[1:]]
            valid = [mask.new_ones(part.shape[:2]) for part in parts]
            words = self._parts.text_model.embed_tokens(tokens) * scale
            memory: Memory = self._parts.text_model(torch.cat([*parts, words], 1), torch.cat([*valid, mask], 1))
        return memory

    def _around(self, size: int) -> list[Tensor]:
        """The special tokens before and behind a picture, (B, 2, D) and (B, 1, D)."""
        fake, before = self._special
        table = self._parts.text_model.embed_tokens.weight
        return [table[[fake, before]].expand(size, -1, -1), table[[fake]].expand(size, -1, -1)]

    def observe(self, state: Tensor, memory: Memory) -> Memory:
        """`memory` with the state (B, N) behind it, as each layer of the expert sees it."""
        token = self.state_proj(state)[:, None]
        there = torch.ones(token.shape[:2], dtype=torch.bool, device=token.device)
        whole = memory.then(self._parts.text_model(token, there, memory))
        seen: Memory = self.vlm_with_expert.lm_expert.look_at(whole)
        return seen

    # -- what is drawn --------------------------------------------------------------------------------------------

    def forward(self, noisy: Tensor, time: Tensor, seen: Memory) -> Tensor:
        """noisy (B, S, A) at time (B,), 1 noise and 0 actions, beside what `observe` gave -> velocity (B, S, A)."""
        actions = self.action_in_proj(noisy)
        when = self._time(time, actions.shape[-1]).to(actions.dtype)[:, None].expand_as(actions)
        mixed = F.silu(self.action_time_mlp_in(torch.cat([actions, when], -1)))
        suffix = self.action_time_mlp_out(mixed)
        steps = noisy.shape[1]
        before = torch.ones(steps, steps, dtype=torch.bool, device=noisy.device).tril()
        drawn = self.vlm_with_expert.lm_expert(suffix, seen, before)
        return self.action_out_proj(drawn.float())  # type: ignore[no-any-return]

    def _time(self, time: Tensor, width: int) -> Tensor:
        """(B,) -> (B, width): sines of all periods, then cosines; in float64 where there is such a thing."""
        time = time.to(torch.float32 if time.device.type == "mps" else torch.float64)
        ratio = self.config.max_period / self.config.min_period
        steps = torch.linspace(0, 1, width // 2, dtype=time.dtype, device=time.device)
        angles = 2 * math.pi * time[:, None] / (self.config.min_period * ratio**steps)
        return torch.cat([angles.sin(), angles.cos()], -1)


def _learns(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


def _gradient(wanted: bool) -> torch.set_grad_enabled:
    """A context in which a graph is kept only if it is wanted here and around."""
    return torch.set_grad_enabled(wanted and torch.is_grad_enabled())
