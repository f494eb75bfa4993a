"""Which record types make an event of a kind: the ranges of libaudit.h, as sets of names.

A type that auditd had no name for stands in the log as `UNKNOWN[1702]`; it belongs to the range of its number all the
same. Source of numbers and names: `lib/libaudit.h` and `lib/msg_typetab.h` of audit-userspace 3.0.9 and 4.2.2,
linux/audit.h.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Record types by name, and the ranges of numbers whose unnamed members belong to them too."""

    names: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...] = ()

    def pattern(self) -> str:
        """A regular expression for "one of these stands in the types of an event, joined by blanks"."""
        numbers = "|".join(digits for low, high in self.ranges for digits in _digits(low, high))
        unnamed = (rf"UNKNOWN\[(?:{numbers})\]",) if numbers else ()
        return "(?:^| )(?:" + "|".join((*self.names, *unnamed)) + ")(?: |$)"

    def __or__(self, other: "Kind") -> "Kind":
        return Kind(self.names + other.names, self.ranges + other.ranges)


def _digits(low: int, high: int) -> tuple[str, ...]:
    """A range as expressions of digits: (1700, 1799) is `17[0-9][0-9]`, (1403, 1417) each number."""
    if low % 100 == 0 and high == low + 99:
        return (f"{low // 100}[0-9][0-9]",)
    return tuple(str(number) for number in range(low, high + 1))


LOGINS = Kind(("USER_LOGIN",))
AUTHENTICATIONS = Kind(("USER_AUTH", "GRP_AUTH"))
MAC_CHANGES = Kind(
    (
        "MAC_POLICY_LOAD",
        "MAC_STATUS",
        "MAC_CONFIG_CHANGE",
        "MAC_UNLBL_ALLOW",
        "MAC_CIPSOV4_ADD",
        "MAC_CIPSOV4_DEL",
        "MAC_MAP_ADD",
        "MAC_MAP_DEL",
        "MAC_IPSEC_ADDSA",
        "MAC_IPSEC_DELSA",
        "MAC_IPSEC_ADDSPD",
        "MAC_IPSEC_DELSPD",
        "MAC_IPSEC_EVENT",
        "MAC_UNLBL_STCADD",
        "MAC_UNLBL_STCDEL",
    ),
    ((1403, 1417),),
)
#: aureport's `--mac --summary` ends at MAC_MAP_DEL.
MAC_CHANGES_IN_SUMMARY = Kind(MAC_CHANGES.names[:8], ((1403, 1410),))
CALIPSO = Kind(("MAC_CALIPSO_ADD", "MAC_CALIPSO_DEL"), ((1418, 1419),))
LSPP = Kind(
    (
        "USER_ROLE_CHANGE",
        "ROLE_ASSIGN",
        "ROLE_REMOVE",
        "LABEL_OVERRIDE",
        "LABEL_LEVEL_CHANGE",
        "USER_LABELED_EXPORT",
        "USER_UNLABELED_EXPORT",
        "DEV_ALLOC",
        "DEV_DEALLOC",
        "FS_RELABEL",
        "USER_MAC_POLICY_LOAD",
        "ROLE_MODIFY",
        "USER_MAC_CONFIG_CHANGE",
        "USER_MAC_STATUS",
    ),
    ((2300, 2399),),
)
CONFIGURATION = Kind(
    (
        "CONFIG_CHANGE",
        "DAEMON_CONFIG",
        "USYS_CONFIG",
        "NETFILTER_CFG",
        "FEATURE_CHANGE",
        "USER_MAC_CONFIG_CHANGE",
    )
)
ACCOUNTS = Kind(("ADD_USER", "DEL_USER", "ADD_GROUP", "DEL_GROUP"))
ROLES = Kind(("ROLE_ASSIGN", "ROLE_REMOVE"))
ACCOUNT_MANAGEMENT = Kind(("USER_CHAUTHTOK", "USER_MGMT", "GRP_MGMT"))
ACCOUNT_CHANGES = ACCOUNT_MANAGEMENT | ACCOUNTS | ROLES
KERNEL_ANOMALIES = Kind(("ANOM_PROMISCUOUS", "ANOM_ABEND", "ANOM_LINK", "ANOM_CREAT"), ((1700, 1799),))
USER_ANOMALIES = Kind(
    (
        "ANOM_LOGIN_FAILURES",
        "ANOM_LOGIN_TIME",
        "ANOM_LOGIN_SESSIONS",
        "ANOM_LOGIN_ACCT",
        "ANOM_LOGIN_LOCATION",
        "ANOM_MAX_DAC",
        "ANOM_MAX_MAC",
        "ANOM_AMTU_FAIL",
        "ANOM_RBAC_FAIL",
        "ANOM_RBAC_INTEGRITY_FAIL",
        "ANOM_CRYPTO_FAIL",
        "ANOM_ACCESS_FS",
        "ANOM_EXEC",
        "ANOM_MK_EXEC",
        "ANOM_ADD_ACCT",
        "ANOM_DEL_ACCT",
        "ANOM_MOD_ACCT",
        "ANOM_ROOT_TRANS",
        "ANOM_LOGIN_SERVICE",
        "ANOM_LOGIN_ROOT",
        "ANOM_ORIGIN_FAILURES",
        "ANOM_SESSION",
    ),
    ((2100, 2199),),
)
SECCOMP = Kind(("SECCOMP",))
RESPONSES = Kind(
    (
        "RESP_ANOMALY",
        "RESP_ALERT",
        "RESP_KILL_PROC",
        "RESP_TERM_ACCESS",
        "RESP_ACCT_REMOTE",
        "RESP_ACCT_LOCK_TIMED",
        "RESP_ACCT_UNLOCK_TIMED",
        "RESP_ACCT_LOCK",
        "RESP_TERM_LOCK",
        "RESP_SEBOOL",
        "RESP_EXEC",
        "RESP_SINGLE",
        "RESP_HALT",
        "RESP_ORIGIN_BLOCK",
        "RESP_ORIGIN_BLOCK_TIMED",
        "RESP_ORIGIN_UNBLOCK_TIMED",
    ),
    ((2200, 2299),),
)
KERNEL_CRYPTO = Kind((), ((1600, 1699),))
USER_CRYPTO = Kind(
    (
        "CRYPTO_TEST_USER",
        "CRYPTO_PARAM_CHANGE_USER",
        "CRYPTO_LOGIN",
        "CRYPTO_LOGOUT",
        "CRYPTO_KEY_USER",
        "CRYPTO_FAILURE_USER",
        "CRYPTO_REPLAY_USER",
        "CRYPTO_SESSION",
        "CRYPTO_IKE_SA",
        "CRYPTO_IPSEC_SA",
    ),
    ((2400, 2499),),
)
INTEGRITY = Kind(
    (
        "INTEGRITY_DATA",
        "INTEGRITY_METADATA",
        "INTEGRITY_STATUS",
        "INTEGRITY_HASH",
        "INTEGRITY_PCR",
        "INTEGRITY_RULE",
        "INTEGRITY_EVM_XATTR",
        "INTEGRITY_POLICY_RULE",
    ),
    ((1800, 1899),),
)
VIRTUAL_MACHINES = Kind(
    (
        "VIRT_CONTROL",
        "VIRT_RESOURCE",
        "VIRT_MACHINE_ID",
        "VIRT_INTEGRITY_CHECK",
        "VIRT_CREATE",
        "VIRT_DESTROY",
        "VIRT_MIGRATE_IN",
        "VIRT_MIGRATE_OUT",
    ),
    ((2500, 2599),),
)
SELINUX = Kind(("AVC", "USER_AVC"))
ACCESS_DECISIONS = Kind(
    (
        "AVC",
        "USER_AVC",
        "APPARMOR",
        "APPARMOR_AUDIT",
        "APPARMOR_ALLOWED",
        "APPARMOR_DENIED",
        "APPARMOR_HINT",
        "APPARMOR_STATUS",
        "APPARMOR_ERROR",
        "APPARMOR_KILL",
    ),
    ((1500, 1599),),
)
KEYSTROKES = Kind(("TTY", "USER_TTY"))
