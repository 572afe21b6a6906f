"""What stops the daemon before it serves."""


class FlagError(Exception):
    """A command line or environment that cannot be used.

    `exit_code` is 2 for a command line that cannot be read (the usage is shown with it), 1 for settings that
    make no sense or that this version does not support.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


class StartError(Exception):
    """The member cannot start; the one argument is a sentence for people."""
