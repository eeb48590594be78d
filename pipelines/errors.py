"""The one error type for what the user can mend."""


class UserError(Exception):
    """Something the user can mend, said in one sentence.

    The sentence names the file, row, column or key, what was found there, and what to do. Command lines print it
    without a traceback and exit with status 2.
    """
