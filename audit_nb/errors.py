"""The errors a user may see: one sentence that names the place, what was expected and what to do."""

import errno


class AuditNbError(Exception):
    """A failure to be told in one sentence, without a traceback; the command line exits with 1."""


class UsageError(AuditNbError):
    """A wrong word on the command line or in a YAML file; the command line exits with 2."""


#: What a disk or its permissions refuse: no error of a program.
_OF_THE_MACHINE = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there, or have the quota raised",
    errno.EROFS: "it must be writable",
    errno.EACCES: "see who may write there",
    errno.EPERM: "see who may write there",
    errno.ENOTDIR: "a folder is needed there",
    errno.EEXIST: "a folder is needed there",
    errno.EISDIR: "a file is needed there",
    errno.EIO: "look after that disk",
    errno.ENOMEM: "free some memory",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "use shorter names",
}


def sentence(fault: Exception) -> str | None:
    """What to tell a user of a failure; None for one that nobody foresaw, which is an error of ours."""
    if isinstance(fault, AuditNbError):
        return str(fault)
    if not isinstance(fault, OSError) or fault.errno not in _OF_THE_MACHINE:
        return None
    where = fault.filename or "the disk of data/, reports/ and outbox/"
    return f"{where}: {fault.strerror}; {_OF_THE_MACHINE[fault.errno]}. What was finished before is kept."
