"""The chat model: a slot cache of keys and values, its scheduler, and the folders it is loaded from.

Plain onnxruntime in one worker thread. Never imports training.
"""
