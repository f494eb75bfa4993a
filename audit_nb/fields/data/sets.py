"""Which constants belong together, and where they are defined: a part of make_tables.py."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Set:
    """Constants of one kind: the headers that define them and the pattern of their names.

    `rename` gives the name that is shown, or None to leave a constant out; `first` names those that win over another
    name of the same value. With `single_bits` a constant of several bits is left out.
    """

    name: str
    headers: tuple[str, ...]
    pattern: str
    rename: Callable[[str], str | None] = lambda name: name
    first: tuple[str, ...] = ()
    single_bits: bool = False


def without(*names: str) -> Callable[[str], str | None]:
    """Leave these names (or the names that begin with one that ends in `*`) out."""

    def rename(name: str) -> str | None:
        out = any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in names)
        return None if out else name

    return rename


def lower_after(prefix: str) -> Callable[[str], str | None]:
    """`CAP_CHOWN` is shown as `chown`."""
    return lambda name: name.removeprefix(prefix).lower()


IOCTLS = (
    "KDSETMODE|KDGETMODE|CDROMEJECT|CDROMEJECT_SW|CDROM_GET_UPC|CDROMSEEK|TCGETS|TCSETS|TCSETSW|TCSETSF|TCSBRK|TCFLSH|TIOCSCTTY|"
    "TIOCGPGRP|TIOCSPGRP|TIOCGWINSZ|TIOCSWINSZ|TIOCINQ|FIONBIO|TIOCNOTTY|FIOSETOWN|FIOGETOWN|SIOCGIFNAME|SIOCGIFHWADDR|"
    "SIOCGIFINDEX|SIOCBRADDIF|TIOCGPTN|TIOCSPTLCK|TIOCSTI|TIOCLINUX|TIOCCONS"
)
NOT_FCNTL = without(
    "F_RDLCK", "F_WRLCK", "F_UNLCK", "F_EXLCK", "F_SHLCK", "F_LINUX_SPECIFIC_BASE", "F_SEAL_*", "F_OWNER_*"
)
NOT_SIGNALS = without(
    "SIGRT*", "SIGSTKSZ", "SIGIOT", "SIGPOLL", "SIGCLD", "SIGUNUSED", "SIGLOST", "SIGRESERVE", "SIG_*"
)
NOT_PACKET = without(
    "PACKET_HOST", "PACKET_BROADCAST", "PACKET_MULTICAST", "PACKET_OTHERHOST", "PACKET_OUTGOING", "PACKET_LOOPBACK",
    "PACKET_USER", "PACKET_KERNEL", "PACKET_FASTROUTE", "PACKET_FANOUT_*", "PACKET_MR_*",
)  # fmt: skip
NOT_NETLINK = without(
    "NETLINK_UNUSED", "NETLINK_ADD_*", "NETLINK_DROP_*", "NETLINK_PKTINFO", "NETLINK_BROADCAST_ERROR",
    "NETLINK_NO_ENOBUFS", "NETLINK_RX_RING", "NETLINK_TX_RING", "NETLINK_LISTEN_*", "NETLINK_LIST_*", "NETLINK_CAP_ACK",
    "NETLINK_EXT_ACK", "NETLINK_GET_*", "NETLINK_UNCONNECTED", "NETLINK_CONNECTED",
)  # fmt: skip
NOT_PTRACE = without(
    "PTRACE_EVENT*",
    "PTRACE_O_*",
    "PTRACE_PEEKSIGINFO_*",
    "PTRACE_SYSCALL_INFO*",
    "PTRACE_OLDSETOPTIONS",
    "PTRACE_CFI_*",
)
NOT_IP6 = without(
    "MCAST_EXCLUDE",
    "MCAST_INCLUDE",
    "IPV6_FLOWINFO_FLOWLABEL",
    "IPV6_FLOWINFO_PRIORITY",
    "IPV6_TLV_*",
    "IPV6_FL_*",
    "IPV6_PRIORITY_*",
    "IPV6_PMTUDISC_*",
    "IPV6_PREFER_*",
    "IPV6_SRCRT_*",
    "IPV6_RT*",
)
IP6_AGAIN = ("IPV6_RTHDR", "IPV6_RTHDRDSTOPTS")

SETS = (
    Set("open", ("asm/fcntl.h",), r"(__)?O_\w+|FASYNC", lambda name: "O_ASYNC" if name == "FASYNC" else name,
        ("O_NONBLOCK",), single_bits=True),
    Set("clone", ("linux/sched.h",), r"CLONE_\w+", without("CLONE_ARGS*"), single_bits=True),
    Set("signal", ("asm/signal.h",), r"SIG[A-Z0-9]+", NOT_SIGNALS),
    Set("fcntl", ("asm/fcntl.h", "linux/fcntl.h"), r"F_\w+", NOT_FCNTL),
    Set("ptrace", ("asm/ptrace.h", "linux/ptrace.h"), r"PTRACE_[A-Z_]+",
        lambda name: (NOT_PTRACE(name) or "").replace("USR", "USER") or None),
    Set("personality", ("linux/personality.h",), r"PER_\w+", without("PER_CLEAR_ON_SETID", "PER_MASK")),
    Set("bpf", ("linux/bpf.h",), r"BPF_(MAP|PROG|OBJ|RAW|BTF|TASK|LINK|ENABLE|ITER|TOKEN)_\w+",
        without("BPF_OBJ_NAME_LEN")),
    Set("capability", ("linux/capability.h",), r"CAP_\w+", lower_after("CAP_")),
    Set("epoll_ctl", ("linux/eventpoll.h",), r"EPOLL_CTL_\w+"),
    Set("clock", ("linux/time.h",), r"CLOCK_\w+", without("CLOCK_AUX*")),
    Set("sched", ("linux/sched.h",), r"SCHED_[A-Z]+", lambda name: "SCHED_OTHER" if name == "SCHED_NORMAL" else name),
    Set("seek", ("linux/fs.h",), r"SEEK_\w+", without("SEEK_MAX")),
    Set("rlimit", ("asm/resource.h",), r"RLIMIT_\w+"),
    Set("mmap", ("linux/mman.h",), r"MAP_\w+", without("MAP_TYPE", "MAP_FILE", "MAP_HUGE_*", "MAP_DROPPABLE",
        "MAP_SHARED_VALIDATE", "MAP_RENAME", "MAP_INHERIT", "MAP_AUTOGROW", "MAP_LOCAL", "MAP_AUTORSRV"),
        single_bits=True),
    Set("prot", ("asm/mman.h",), r"PROT_[A-Z]+", without("PROT_NONE"), single_bits=True),
    Set("mount", ("linux/mount.h",), r"MS_\w+", without("MS_MGC_*", "MS_RMT_MASK", "MS_VERBOSE"), single_bits=True),
    Set("socketcall", ("linux/net.h",), r"SYS_\w+", lower_after("SYS_")),
    Set("ipc", ("linux/ipc.h",), r"SEM[A-Z]+|MSG[A-Z]+|SHM[A-Z]+|DIPC", lower_after("")),
    Set("sockopt", ("asm/socket.h",), r"SO_\w+|SCM_TIMESTAMPING_\w+", lambda name: name.removesuffix("_OLD"),
        ("SO_ATTACH_FILTER", "SO_DETACH_FILTER")),
    Set("sol_socket", ("asm/socket.h",), r"SOL_SOCKET"),
    Set("ip_option", ("linux/in.h",), r"IP_\w+|MCAST_\w+",
        without("IP_PMTUDISC_*", "IP_DEFAULT_*", "MCAST_EXCLUDE", "MCAST_INCLUDE"), ("IP_RETOPTS", "IP_ORIGDSTADDR")),
    Set("ip6_option", ("linux/in6.h", "linux/in.h"), r"IPV6_\w+|MCAST_\w+",
        lambda name: name if name in IP6_AGAIN else NOT_IP6(name),
        ("IPV6_ADD_MEMBERSHIP", "IPV6_ORIGDSTADDR")),
    Set("udp_option", ("linux/udp.h",), r"UDP_\w+", without("UDP_ENCAP_*", "UDP_V4_FLOW", "UDP_V6_FLOW")),
    Set("packet_option", ("linux/if_packet.h",), r"PACKET_\w+",
        lambda name: name if name == "PACKET_FANOUT_DATA" else NOT_PACKET(name)),
    Set("netlink", ("linux/netlink.h",), r"NETLINK_[A-Z0-9_]+", NOT_NETLINK),
    Set("fsconfig", ("linux/mount.h",), r"FSCONFIG_\w+"),
    Set("resolve", ("linux/openat2.h",), r"RESOLVE_\w+"),
    Set("access_flag", ("linux/fcntl.h",), r"AT_(SYMLINK_NOFOLLOW|EACCESS|EMPTY_PATH)"),
    Set("path_flag", ("linux/fcntl.h",), r"AT_(SYMLINK_NOFOLLOW|NO_AUTOMOUNT|EMPTY_PATH|RECURSIVE)"),
    Set("shm", ("linux/shm.h", "linux/ipc.h"), r"SHM_(HUGETLB|NORESERVE)|IPC_(CREAT|EXCL)"),
    Set("ioctl", ("asm/ioctls.h", "asm/sockios.h", "linux/kd.h", "linux/cdrom.h", "linux/sockios.h"), IOCTLS),
)  # fmt: skip

# Read as text: what only the C library's headers define, and headers that indent the values of an option.
TEXT_SETS = (
    Set("prctl", ("linux/prctl.h",), r"PR_\w+", without("PR_CFI_*")),
    Set(
        "tcp_option",
        ("linux/tcp.h",),
        r"TCP_\w+",
        without(
            "TCP_MSS_*",
            "TCP_REPAIR_ON",
            "TCP_REPAIR_OFF*",
            "TCP_ACCECN_*",
            "TCP_CA_*",
            "TCP_CM_*",
            "TCP_AO_MAXKEYLEN",
            "TCP_AO_KEYF_*",
            "TCP_RECEIVE_*",
            "TCP_MD5SIG_M*",
            "TCP_MD5SIG_FLAG*",
            "TCP_MAX_*",
        ),
    ),
    Set(
        "family",
        ("bits/socket.h",),
        r"PF_\w+",
        lambda name: None if name == "PF_MAX" else name[3:].lower(),
        ("PF_LOCAL", "PF_NETLINK"),
    ),
    Set("ip_option", ("linux/netfilter_ipv4/ip_tables.h",), r"IPT_SO_SET_\w+", without("IPT_SO_SET_MAX")),
    Set(
        "ip6_option",
        ("linux/netfilter_ipv6/ip6_tables.h",),
        r"IP6T_SO_(SET_\w+|ORIGINAL_DST)",
        without("IP6T_SO_SET_MAX"),
    ),
    Set("ip_option_read", ("linux/netfilter_ipv4/ip_tables.h",), r"IPT_SO_GET_\w+", without("IPT_SO_GET_MAX")),
    Set("ip6_option_read", ("linux/netfilter_ipv6/ip6_tables.h",), r"IP6T_SO_GET_\w+", without("IP6T_SO_GET_MAX")),
    Set("socket_type", ("bits/socket_type.h",), r"SOCK_[A-Z]+", without("SOCK_CLOEXEC", "SOCK_NONBLOCK")),
    Set("message", ("bits/socket.h",), r"MSG_\w+", without("MSG_TRYHARD", "MSG_ZEROCOPY")),
    Set("socket_level", ("bits/socket.h", "../netinet/in.h", "../netinet/tcp.h", "../netinet/udp.h"), r"SOL_\w+"),
    Set("umount", ("sys/mount.h",), r"MNT_\w+|UMOUNT_\w+"),
)
MIPS_SOCKET_TYPES = ((2, "SOCK_STREAM"), (1, "SOCK_DGRAM"))  # arch/mips swaps the two; its libc header says so too
