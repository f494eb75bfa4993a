"""How records say that something succeeded or failed, and with which error."""

import re

from audit_nb.fields.machines import errno_name

# SYSCALL says yes and no, user space success and failed, the kernel 1 and 0; old pam says `Success`, some put quotes.
GOOD = {"yes", "success", "successful", "1"}
BAD = {"no", "0"}
INTERPRETED_EXIT = re.compile(r"(E[A-Z0-9]+)\(.*\)")  # `exit=EACCES(Permission denied)`


def success_of(text: str) -> bool | None:
    """Whether a `success=`, `res=` or `result=` says yes; None where it says neither.

    `res=0` is a failure, although aureport counts it as a success.
    """
    word = text.strip("'\"").lower()
    if word in GOOD:
        return True
    return False if word in BAD or word.startswith("fail") else None


def parse_exit(text: str, arch: str | None = None) -> tuple[int | None, str | None]:
    """The number and the error's name of an `exit=`: -13 is (-13, EACCES), 3 is (3, None): a return value.

    Text that was interpreted before it was logged has a name and no number.
    """
    if re.fullmatch(r"-?[0-9]{1,19}", text):
        number = int(text)
        return number, errno_name(number, arch) if number < 0 else None
    named = INTERPRETED_EXIT.fullmatch(text)
    return None, named[1] if named else None
