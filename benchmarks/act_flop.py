"""The arithmetic of one training step of ACT, counted with pen and paper, in FLOP by part.

This is the step as LeRobot does it: nothing is left out, though some of it need not be done. It depends on sizes alone,
so the rates that two programs reach with it can be compared. Only matrix products and convolutions count; a
multiplication and an addition are two. Backward, a product costs twice what it costs forward: once for the gradient of
its input, unless nobody asks for that, and once for the gradient of its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_ALL = 3  # forward, gradient of the input, gradient of the weight
_NO_INPUT = 2  # the same for what reads the data itself


@dataclass(frozen=True)
class Sizes:
    """ACT's default sizes with a ResNet-18, one camera, and a state and an action of six numbers."""

    height: int
    width: int
    batch: int = 8
    chunk: int = 100
    model: int = 512
    feedforward: int = 3200
    latent: int = 32
    state: int = 6
    action: int = 6
    latent_layers: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 1

    @property
    def cells(self) -> int:
        """Cells of the last feature map."""
        return math.ceil(self.height / 32) * math.ceil(self.width / 32)


def act_step_flop(sizes: Sizes) -> dict[str, int]:
    """FLOP of one step, forward and backward, by part."""
    batch, model = sizes.batch, sizes.model
    chunk_rows = batch * sizes.chunk
    heads = _NO_INPUT * product(batch, sizes.state, model) * 2  # the state, for the latent encoder and for the encoder
    heads += _NO_INPUT * product(chunk_rows, sizes.action, model) + _ALL * product(batch, model, 2 * sizes.latent)
    heads += _ALL * product(batch, sizes.latent, model) + _ALL * product(chunk_rows, model, sizes.action)
    memory = 2 + sizes.cells  # latent, state, picture
    decoder = sizes.decoder_layers * (
        attention(batch, sizes.chunk, sizes.chunk, model)
        + attention(batch, sizes.chunk, memory, model)
        + feed_forward(chunk_rows, sizes)
    )
    decoder -= product(chunk_rows, model, model)  # its first values are zeros, which need no gradient
    return {
        "latent encoder": sizes.latent_layers * encoder_layer(2 + sizes.chunk, sizes),
        "backbone": resnet18(sizes) + _ALL * product(batch * sizes.cells, 512, model),
        "encoder": sizes.encoder_layers * encoder_layer(memory, sizes),
        "decoder": decoder,
        "heads": heads,
    }


def product(rows: int, inner: int, columns: int) -> int:
    """(rows, inner) times (inner, columns)."""
    return 2 * rows * inner * columns


def encoder_layer(tokens: int, sizes: Sizes) -> int:
    """Self-attention and feed-forward of one layer."""
    return attention(sizes.batch, tokens, tokens, sizes.model) + feed_forward(sizes.batch * tokens, sizes)


def attention(batch: int, queries: int, keys: int, model: int) -> int:
    """Projections of queries, keys, values and results; scores and their mixture, over all heads."""
    projections = 2 * product(batch * queries, model, model) + 2 * product(batch * keys, model, model)
    return _ALL * (projections + 2 * batch * product(queries, model, keys))


def feed_forward(rows: int, sizes: Sizes) -> int:
    """Two layers."""
    return _ALL * 2 * product(rows, sizes.model, sizes.feedforward)


def resnet18(sizes: Sizes) -> int:
    """Every convolution of the feature map."""
    h, w = math.ceil(sizes.height / 2), math.ceil(sizes.width / 2)
    total = _NO_INPUT * product(sizes.batch * h * w, 3 * 7 * 7, 64)
    inputs = 64
    for channels in (64, 128, 256, 512):
        h, w = math.ceil(h / 2), math.ceil(w / 2)  # the pooling before the first stage, strides before the others
        rows = sizes.batch * h * w
        total += _ALL * product(rows, 9 * inputs, channels) + _ALL * 3 * product(rows, 9 * channels, channels)
        if inputs != channels:
            total += _ALL * product(rows, inputs, channels)  # the shortcut
        inputs = channels
    return total
