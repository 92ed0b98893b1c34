"""What a person likes: features of places and offers, the item tower, tastes and their updates.

Never imports training.
"""
