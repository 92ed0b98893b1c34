"""What a person meant: recognisers of places, days, money and people, and the n-gram model.

No database and no file is read after the start; what it knows of places is handed in. Never imports training.
"""
