"""The base of every error that a user can meet; each module defines its own below it."""


class ReleaseProblem(Exception):
    """Something that a person can act on; the message is `place: what is wrong`.

    `hint` says what to do, where there is more to say than the message does.
    """

    hint: str | None = None

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n  hint: {self.hint}" if self.hint else message
