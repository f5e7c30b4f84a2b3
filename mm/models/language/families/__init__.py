"""In: a folder with `config.json` and safetensors. Out: a decoder in torch, dense or with experts.

Covers the families in `config.ARCHITECTURES`, which share one network. Must not know: the built-in
model, requests, chat, how keys and values are stored.
"""
