"""What a change is about: by the path of the changed file, the type of a record, or the system call.

The paths are those of the common distributions; the first topic whose pattern fits a path is its topic.
"""

#: Topic and the paths that belong to it, as regular expressions of the whole name of a file.
PATHS = (
    ("sudoers", r"^/(usr/local/)?etc/(sudoers($|\.d/|\.)|doas\.conf|polkit-1/)"),
    ("ssh", r"^/etc/ssh/|/\.ssh(/|$)|^/etc/sshd"),
    (
        "identity",
        r"^/etc/(passwd|shadow|group|gshadow|subuid|subgid)([-+.].*)?$|^/etc/(login\.defs|nsswitch\.conf|shells)$",
    ),
    ("identity", r"^/etc/(pam\.d/|pam\.conf|security/|krb5|sssd/|ldap/|openldap/|default/useradd|adduser\.conf)"),
    ("cron", r"^/etc/(cron|anacrontab|at\.(allow|deny))|^/var/spool/(cron|at|anacron)(/|$)"),
    ("audit", r"^/etc/(audit|audisp|libaudit\.conf)|^/var/log/audit(/|$)"),
    ("time", r"^/etc/(localtime|timezone|adjtime|chrony|ntp|systemd/timesyncd)"),
    ("modules", r"^/etc/(modprobe|modules|depmod)|^/(usr/)?lib/modules(/|$)"),
    (
        "systemd",
        r"^/(etc|run|lib|usr/lib|usr/local/lib)/systemd/|/\.config/systemd/|^/etc/(init|rc\.local|rc\.d|init\.d)",
    ),
    (
        "boot",
        r"^/boot(/|$)|^/etc/(default/grub|grub|initramfs-tools|dracut|mkinitcpio|kernel|lilo|fstab|crypttab|inittab)",
    ),
    ("loader", r"^/etc/ld\.so"),
    (
        "network",
        r"^/etc/(hosts|hostname|resolv\.conf|network|netplan|NetworkManager|nftables|iptables|ufw|firewalld|issue)",
    ),
    (
        "shell",
        r"^/etc/(profile|bash|zsh|environment|skel)|/\.(bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zprofile)$",
    ),
    ("mandatory access", r"^/etc/(selinux|apparmor)"),
    ("logging", r"^/etc/(rsyslog|syslog|logrotate|systemd/journald)"),
    ("packages", r"^/etc/(apt|yum|dnf|zypp|pacman)"),
)
#: What the whole name of every file looks like that has a topic, or whose name is not plain: quicker than the above.
LIKELY = r"^/(boot|etc|lib|run/systemd|usr/lib|usr/local/(etc|lib)|var/log/audit|var/spool)|/[./]"
#: Topic of an event by the type of one of its records.
TYPES = {
    "identity": (
        "ADD_USER",
        "DEL_USER",
        "ADD_GROUP",
        "DEL_GROUP",
        "USER_MGMT",
        "GRP_MGMT",
        "USER_CHAUTHTOK",
        "GRP_CHAUTHTOK",
    )
    + ("ACCT_LOCK", "ACCT_UNLOCK", "ROLE_ASSIGN", "ROLE_REMOVE", "ROLE_MODIFY", "CHGRP_ID", "CHUSER_ID"),
    "audit": (
        "CONFIG_CHANGE",
        "FEATURE_CHANGE",
        "DAEMON_START",
        "DAEMON_END",
        "DAEMON_ABORT",
        "DAEMON_CONFIG",
        "DAEMON_ERR",
    )
    + ("DAEMON_ROTATE", "DAEMON_RESUME"),
    "modules": ("KERN_MODULE",),
    "time": ("TIME_INJOFFSET",),
    "network": ("NETFILTER_CFG",),
    "services": ("SERVICE_START", "SERVICE_STOP"),
    "boot": ("SYSTEM_BOOT", "SYSTEM_SHUTDOWN", "SYSTEM_RUNLEVEL"),
    "mandatory access": (
        "MAC_POLICY_LOAD",
        "MAC_STATUS",
        "MAC_CONFIG_CHANGE",
        "USER_MAC_POLICY_LOAD",
        "USER_MAC_CONFIG_CHANGE",
    ),
    "packages": ("SOFTWARE_UPDATE",),
}
#: Topic of an event by its system call.
SYSCALLS = {
    "modules": ("init_module", "finit_module", "delete_module"),
    "time": ("settimeofday", "clock_settime", "stime"),
    "network": ("sethostname", "setdomainname"),
    "boot": ("kexec_load", "kexec_file_load", "reboot"),
    "mounts": ("mount", "umount", "umount2", "move_mount", "pivot_root", "fsmount"),
}
#: System calls that change a file or what is known of it, whatever their arguments.
CHANGING = (
    "creat", "truncate", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2",
    "chown", "chown32", "fchown", "fchown32", "lchown", "lchown32", "fchownat", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "utime", "utimes", "utimensat", "futimesat",
)  # fmt: skip
#: System calls that open a file, and the argument that holds their flags.
OPENING = {"open": "a1", "openat": "a2", "open_by_handle_at": "a2"}
#: O_WRONLY and O_RDWR: the same on every architecture of Linux.
WRITING = 3
