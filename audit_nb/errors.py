"""The errors a user may see: one sentence that names the place, what was expected and what to do."""


class AuditNbError(Exception):
    """A failure to be told in one sentence, without a traceback; the command line exits with 1."""


class UsageError(AuditNbError):
    """A wrong word on the command line or in a YAML file; the command line exits with 2."""
