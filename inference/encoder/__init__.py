"""The frozen sentence encoder and the heads on it. Its absence is normal: n-grams answer then.

Never imports training.
"""
