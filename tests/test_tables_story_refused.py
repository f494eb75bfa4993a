"""A change of audit that the kernel refused is none, whatever became of the message that carried it."""

import pytest

from audit_nb import tables


def change(form, **words):
    """A change as auditctl leaves it: the system call is that of the message, and it arrives."""
    call = "arch=* syscall=* success=yes exit=* a0=* a1=* a2=* a3=* items=* ppid=* pid=* auid=* uid=*"
    records = [{"gap": 0, "length": 90, "form": form}, {"gap": 0, "length": 300, "form": call}]
    return {"types": ["CONFIG_CHANGE", "SYSCALL"], "success": True, "records": records} | words


@pytest.mark.parametrize(
    "form, success",
    [
        ("op=* audit_enabled=* old=* res=1", True),
        ("op=* audit_enabled=* old=* res=0", False),
        ('op=* audit_enabled=* old=* res=0\x1dAUID="*"', False),
        ("op=* pres=0 res=1", True),
        ("op=* audit_enabled=*", True),
    ],
)
def test_the_record_of_a_change_says_whether_it_was_made(events_of, form, success):
    events = events_of(change(form))
    assert tables.configuration_changes(events)["success"].to_pyarrow().to_pylist() == [success]
    for asked in (True, False):
        assert tables.configuration_changes(events, success=asked).count().to_pyarrow().as_py() == (asked == success)


def test_aureport_takes_the_system_call_for_the_change(events_of):
    events = events_of(change("op=* res=0"))
    assert tables.configuration_changes(events, as_aureport=True)["success"].to_pyarrow().to_pylist() == [True]
