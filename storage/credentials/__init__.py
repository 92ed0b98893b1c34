"""Who somebody is: password hashing, signing keys, access tokens, and the `Credentials` port over them.

Belongs here: cryptography and the rules of logging in. Rows live behind the two seams of `records`;
their SQL is in `storage.postgres`, their fakes in `storage.memory`.
"""
