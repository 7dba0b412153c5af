"""LeRobot's SmolVLA without the Hub, in LeRobot's environment: the vision-language model is made from a folder.

    vlm_folder(FOLDER, SHAPE)   writes config.json and a small tokenizer, for `vlm_model_name` to name
    offline()                   lets LeRobot build its policy from such a folder

Two things are put right inside: the processor, which would want files that nothing here reads, is a stand-in that has
the two numbers LeRobot asks it for; and pictures' positions are row by row, which transformers 4.55 to 4.57 get wrong
in float32 (issue 41190 there).
"""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace
from unittest.mock import patch

import torch
from lerobot.policies.smolvla import smolvlm_with_expert
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, SmolVLMConfig
from transformers.models.smolvlm.modeling_smolvlm import SmolVLMVisionEmbeddings

SPECIALS = ["<|im_end|>", "<fake_token_around_image>", "<global-img>"]
SENTENCES = [
    "pick up the red cube and put it into the box",
    "open the drawer, then close it again",
    "stack the blue cube on the green cube, slowly",
]


def vlm_folder(folder, shape, vocabulary=400):
    """A vision-language model's folder without weights; `shape` in the words of our VlmShape."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, shape)
    write_tokenizer(folder, vocabulary)


def write_config(folder, shape, dtype="float32"):
    """Its config.json. dtype: of the language model's weights, which LeRobot gives to the expert too"""
    text = {
        "model_type": "llama",
        "hidden_size": shape["text_width"],
        "intermediate_size": shape["text_mlp"],
        "num_hidden_layers": shape["text_layers"],
        "num_attention_heads": shape["heads"],
        "num_key_value_heads": shape["kv_heads"],
        "head_dim": shape["head_width"],
        "vocab_size": shape["vocabulary"],
        "rms_norm_eps": 1e-5,
        "pad_token_id": 2,
        "torch_dtype": dtype,
    }
    vision = {
        "hidden_size": shape["vision_width"],
        "intermediate_size": shape["vision_mlp"],
        "num_hidden_layers": shape["vision_layers"],
        "num_attention_heads": shape["vision_heads"],
        "image_size": shape["image_size"],
        "patch_size": shape["patch_size"],
        "hidden_act": "gelu_pytorch_tanh",
    }
    config = SmolVLMConfig(text_config=text, vision_config=vision, scale_factor=shape["shuffle"], image_token_id=3)
    config.save_pretrained(folder)


def write_tokenizer(folder, vocabulary):
    """Its tokenizer: byte-level pieces, as SmolVLM2's, learnt from a few sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[AddedToken(text, special=True) for text in SPECIALS],
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "GPT2Tokenizer", "pad_token": SPECIALS[0], "model_max_length": 8192}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))


def _row_by_row(self, pixel_values, patch_attention_mask):
    patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
    return patches + self.position_embedding(torch.arange(patches.shape[1], device=patches.device))


@contextlib.contextmanager
def offline():
    def processor(name):
        tokenizer = AutoTokenizer.from_pretrained(name)
        fake, before = tokenizer.convert_tokens_to_ids(SPECIALS[1:])
        return SimpleNamespace(tokenizer=SimpleNamespace(fake_image_token_id=fake, global_image_token_id=before))

    with (
        patch.object(smolvlm_with_expert, "AutoProcessor", SimpleNamespace(from_pretrained=processor)),
        patch.object(SmolVLMVisionEmbeddings, "forward", _row_by_row),
    ):
        yield
