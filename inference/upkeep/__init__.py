"""Models in production: when they are fitted anew, by what, how that is judged, and which is in use.

Commands may import it. It imports the ports and `inference.recommender`, never training: that is a child
process of its own.
"""
