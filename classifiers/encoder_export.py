"""A checkpoint as ``encoder.onnx`` in int8.

``python -m classifiers.encoder_export --pretrained FOLDER CHECKPOINT OUT``

Needs the extra ``encoder-training``. The exported graph gives log-odds for each token, of shape (n_texts, n_tokens,
n_labels), so that serving can tell what each token adds to their mean.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from classifiers.encoder_train import Encoder

ONNX, VOCABULARY, PRETRAINED_VOCABULARY = "encoder.onnx", "vocabulary.txt", "vocab.txt"
_OPSET = 17
_EXAMPLE = [[101, 7592, 2088, 102], [101, 2088, 7592, 102]]


class ByToken(torch.nn.Module):
    """The encoder without the mean over its tokens."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder, self.head = encoder.encoder, encoder.head

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return log-odds of shape (n_texts, n_tokens, n_labels); all texts are of one length."""
        return self.head(self.encoder(input_ids=input_ids).last_hidden_state)


def export(pretrained: Path, checkpoint: Path, out: Path) -> None:
    """Write the quantised model and its vocabulary into ``out``."""
    model = Encoder(pretrained)
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    out.mkdir(parents=True, exist_ok=True)
    axes = {0: "texts", 1: "tokens"}
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            ByToken(model).eval(),
            (torch.tensor(_EXAMPLE),),
            str(whole),
            input_names=["input_ids"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "logits": axes},
            opset_version=_OPSET,
            dynamo=False,
        )
        # Seven bits: with eight, processors without VNNI add past what fits. By channel, that costs nothing here.
        quantize_dynamic(whole, out / ONNX, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    shutil.copyfile(pretrained / PRETRAINED_VOCABULARY, out / VOCABULARY)


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pretrained", type=Path, required=True)
    wanted = parser.parse_args()
    export(wanted.pretrained, wanted.checkpoint, wanted.out)


if __name__ == "__main__":
    main()
