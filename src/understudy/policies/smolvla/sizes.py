"""The sizes of SmolVLA's parts, as its options and its vision-language model give them together."""

from __future__ import annotations

from understudy.core.errors import ConfigError
from understudy.nn.two_stream import StreamShape
from understudy.nn.vision_tower import TowerShape
from understudy.policies.smolvla.config import SmolVlaConfig
from understudy.policies.smolvla.vlm import VlmShape


def vision_tower(shape: VlmShape) -> TowerShape:
    """The vision tower."""
    return TowerShape(
        width=shape.vision_width,
        mlp=shape.vision_mlp,
        layers=shape.vision_layers,
        heads=shape.vision_heads,
        image=shape.image_size,
        patch=shape.patch_size,
        eps=shape.vision_eps,
    )


def text_stream(config: SmolVlaConfig, shape: VlmShape) -> StreamShape:
    """The layers of the language model that are kept. Raises ConfigError for more than there are."""
    if config.num_vlm_layers > shape.text_layers:
        raise ConfigError(
            f"{config.vlm_model_name} has {shape.text_layers} layers, fewer than {config.num_vlm_layers}",
            where="--policy.num_vlm_layers",
        )
    return StreamShape(
        width=shape.text_width,
        mlp=shape.text_mlp,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head=shape.head_width,
        layers=config.num_vlm_layers if config.num_vlm_layers > 0 else shape.text_layers,
        eps=shape.text_eps,
    )


def expert_stream(config: SmolVlaConfig, shape: VlmShape) -> StreamShape:
    """The action expert: the heads of the language model, the rest narrower. Raises ConfigError for odd numbers."""
    text = text_stream(config, shape)
    width, layers = int(text.width * config.expert_width_multiplier), config.num_expert_layers
    if width < 2 or width % 2:
        raise ConfigError(
            f"the expert would be {width} wide, and its sines of the time need an even width",
            where="--policy.expert_width_multiplier",
        )
    if layers > 0 and text.layers % layers:
        raise ConfigError(
            f"the language model's {text.layers} layers are no multiple of the expert's {layers}",
            where="--policy.num_expert_layers",
        )
    return StreamShape(
        width=width,
        mlp=256 * -(-4 * (2 * width // 3) // 256),  # Llama's rule: two thirds of four times, up to a multiple of 256
        heads=text.heads,
        kv_heads=text.kv_heads,
        head=text.head,
        layers=layers if layers > 0 else text.layers,
        eps=text.eps,
    )


def crosses(config: SmolVlaConfig, layers: int) -> list[bool]:
    """For each of the expert's layers, whether it looks at the language model's memory alone."""
    every = config.self_attn_every_n_layers
    return ["cross" in config.attention_mode and not (every > 0 and j % every == 0) for j in range(layers)]


def check_pictures(config: SmolVlaConfig, shape: VlmShape) -> None:
    """Raises ConfigError for pictures of a size that cannot be cut into tokens: they are square, as in LeRobot."""
    step = shape.patch_size * shape.shuffle
    size = config.resize_imgs_with_padding
    sizes = [config.input_features[name].shape[:0:-1] for name in config.cameras] if size is None else [size]
    for width, height in sizes:
        if width != height or width % step:
            raise ConfigError(
                f"pictures of {width} x {height} cannot be cut into tokens: they have to be square and a multiple of "
                f"{step} wide",
                where="--policy.resize_imgs_with_padding",
                hint=f"such as --policy.resize_imgs_with_padding='[{shape.image_size}, {shape.image_size}]'",
            )
