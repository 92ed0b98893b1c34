"""One exception out of a nursery's group."""


def first_cause(error: BaseException) -> BaseException:
    """The first leaf of an exception group, or the exception itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
