"""What of the server knows that it is about to stop."""


class Draining:
    """Whether the server was told to stop (`begun`: it is not ready any more), and takes nothing new (`closed`)."""

    __slots__ = ("begun", "closed")

    def __init__(self) -> None:
        self.begun = False
        self.closed = False
