"""Where models are made: corpora, fits, exports, gates. Its own dependency group (`training`).

Never imported by the server. Nothing here is trained on what people wrote.
"""
