"""In: a folder with `config.json` and safetensors, or a GGUF file. Out: a decoder in torch, dense
or with experts, its tokenizer and its chat template.

Covers the families in `config.ARCHITECTURES`, which share one network. Must not know: the built-in
model, requests, chat, how keys and values are stored.
"""
