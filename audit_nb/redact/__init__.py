"""Masks secrets in command lines, keystrokes and failed account names; its rules are data (rules.yaml).

    mysqldump -uroot -pbanana shop   ->   mysqldump -uroot -p*** shop

A command line reaches us in two ways: as the arguments themselves (EXECVE, PROCTITLE with its NULs), or as one text
whose quotes may have been lost (sudo joins USER_CMD with blanks) and whose end may have been cut off (PROCTITLE at 128
bytes). A text is therefore read twice, as a shell would and at every blank, and what either reading calls a secret is
masked. Names of programs (`comm`, `exe`) and of files (`paths`, `cwd`) are no command lines and are shown as they are.
"""

from audit_nb.redact.accounts import account, new_salt
from audit_nb.redact.arrays import commands, texts
from audit_nb.redact.lines import MASK, arguments, command, text
from audit_nb.redact.typed import keystrokes

__all__ = ["MASK", "account", "arguments", "command", "commands", "keystrokes", "new_salt", "text", "texts"]
