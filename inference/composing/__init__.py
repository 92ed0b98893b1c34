"""From plans to the prompts of a chat model, in the form that its folder names: what `GeneratedRung` asks for.

Knows the engine and the wording, which do not know each other's insides. Never imports training.
"""
