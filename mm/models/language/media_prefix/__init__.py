"""In: feature maps and shared-space vectors of images, scenes and sounds. Out: prefix embeddings.

`reference` computes them in NumPy, `session` in ONNX Runtime, `network_torch` in torch for training
and GPUs. Must not know how media are decoded or encoded, nor the text of a conversation.
"""

from mm.models.language.media_prefix.config import MediaPrefixConfig
from mm.models.language.media_prefix.reference import MediaPrefix

__all__ = ["MediaPrefix", "MediaPrefixConfig"]
