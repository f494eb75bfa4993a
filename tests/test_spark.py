"""Every question has the same answer on Spark as on DuckDB: the same rows, in the same order, from the same files.

So a fleet that outgrows one machine needs other machines, not other questions. There is no exception: a question that
computes in Python asks either engine for what it computes on.
"""

import inspect
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import ibis
import pandas as pd
import pytest
from awkward import AWKWARD

from audit_nb import collect, store, tables
from audit_nb.tables._filters import FILTERS

LOGS = Path(__file__).parent / "data" / "logs"
#: The second half of the two captures.
SINCE, UNTIL = datetime(2026, 11, 23, 2, 20), datetime(2026, 11, 23, 2, 40)
#: Options that many questions have.
COMMON = {"summary": True, "success": False, "as_aureport": True}
#: Options of single questions; what a question cannot do without stands in each of them.
OPTIONS = {
    "compared": [{"since": SINCE, "until": UNTIL}],
    "first_seen": [{"since": SINCE}, {"since": SINCE, "by_host": True}],
    "failed_then_succeeded": [{}, {"at_least": 2, "within_minutes": 10}],
    "guessing": [{}, {"failures_from": 2, "accounts_from": 2, "addresses_from": 1, "hosts_from": 1}],
    "out_of_hours": [{"timezone": "Asia/Seoul"}, {"timezone": "Europe/Berlin", "from_hour": 3, "to_hour": 4}],
    "process_tree": [{}, {"since": SINCE, "who": "alice"}],
    "rare": [{"at_most": 1}, {"at_most": 9, "on_hosts": 3}],
    "search": [{}, {"since": SINCE, "until": UNTIL, "types": "USER_AUTH"}],
    "silences": [{"minutes": 1}, {"minutes": 1, "since": SINCE, "until": UNTIL}],
    "volume": [{"bucket": bucket} for bucket in ("m", "h", "D", "W")],
}
#: A value for each filter of a search.
SOUGHT = {
    "event": 5, "types": ("PATH", "user_auth"), "host": "web", "node": "db02", "key": "e", "comm": "sh", "exe": "bin/s",
    "command": "c", "file": "etc", "address": "10.", "terminal": "pts", "account": "o", "vm": "v", "uuid": "-", "pid": 100,
    "ppid": 1, "session": 1, "auid": "alice", "uid": 0, "euid": "root", "any_uid": -1, "gid": 0, "egid": "root", "any_gid": 1001,
    "syscall": "openat", "arch": "b64", "exit": "EACCES", "subject": "s0", "object": "_t", "context": "u",
}  # fmt: skip


@pytest.fixture(scope="module")
def spark(needs, tmp_path_factory):
    """A Spark of one machine, made for many small queries: nothing is compiled for a second use."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{error}; .ci/run must install it")
        pytest.skip(f"{error}; `make spark` installs it")
    needs("java")
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.memory": "512m",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.log.level": "OFF",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.files.openCostInBytes": "0",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


#: A record with text that no field explains.
UNREAD = b"type=BPF msg=audit(1774742399.500:1): what is this\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A store of two captures, the lessons and what is awkward; its folder has a name that a pattern would not find."""
    folder = tmp_path_factory.mktemp("spark") / "d[a]t{a} *?"
    awkward = folder.with_name("audit.log")
    awkward.write_bytes(AWKWARD + UNREAD)
    hosts = {"web01": [LOGS / "web01.log.xz"], "db02": [LOGS / "db02.log.xz"]}
    hosts |= {path.stem.replace("_", "-"): [path] for path in sorted(LOGS.glob("*.log"))}
    for host, paths in (hosts | {"awkward": [awkward]}).items():
        collect.import_paths(paths, host, folder)
    assert {result.outcome for result in store.update(folder)} == {"done"}
    return folder


@pytest.fixture(scope="module")
def on_duckdb(data):
    return store.open_events(data)


@pytest.fixture(scope="module")
def on_spark(spark, data):
    return store.open_events(data, spark=spark)


def columns(table):
    """Names and types of the columns; DuckDB says that its timestamps have microseconds, Spark's have nothing else."""
    return [(name, re.sub(r"timestamp\(6\)", "timestamp", str(kind))) for name, kind in table.schema().items()]


def rows(table):
    return table.to_pyarrow().to_pylist()


def asked(function):
    """The options a question is asked with: none, each of the common ones, and all of them at once."""
    own = OPTIONS.get(function.__name__, [{}])
    known = inspect.signature(function).parameters
    common = {name: value for name, value in COMMON.items() if name in known}
    several = [{name: value} for name, value in common.items()] + ([common] if len(common) > 1 else [])
    return [*own, *(own[0] | options for options in several)]


@pytest.mark.parametrize("name", tables.names())
def test_a_question_has_the_same_answer_on_spark(name, on_spark, on_duckdb):
    function = tables.questions()[name].function
    with ThreadPoolExecutor(2) as pool:
        asking = []
        for options in asked(function):
            theirs = function(on_spark, **options)
            asking.append((options, theirs, pool.submit(rows, theirs)))
        for options, theirs, answer in asking:
            ours = function(on_duckdb, **options)
            assert columns(theirs) == columns(ours), options
            assert answer.result() == rows(ours), options
    assert any(answer.result() for _, _, answer in asking), "the log says nothing to this question"


def test_both_read_the_types_that_the_schema_names(on_spark, on_duckdb):
    expected = [
        (name, re.sub(r"timestamp\(6\)", "timestamp", str(kind))) for name, kind in ibis.schema(store.STORED).items()
    ]
    assert columns(on_duckdb) == expected
    assert columns(on_spark) == expected


def test_both_read_the_same_events(on_spark, on_duckdb):
    """Whole events. Ibis brings Spark's integers through floats where some are null, so the long ones are compared as text."""
    long = ("exit", "a0", "a1", "a2", "a3")
    whole = [
        rows(
            table.mutate(**{name: table[name].cast("string") for name in long}).order_by(
                "host", "time", "serial", "segment", "offset"
            )
        )
        for table in (on_duckdb, on_spark)
    ]
    assert len(whole[0]) > 1000
    assert whole[0] == whole[1]


def test_both_open_the_same_hosts_and_period(spark, data):
    words = {
        "hosts": ["web01", "awkward"],
        "since": "2026-11-23T02:10:00",
        "until": "2026-11-23T02:15:00",
        "timezone": "UTC",
    }
    counts = [
        table.count().to_pyarrow().as_py()
        for table in (store.open_events(data, **words), store.open_events(data, **words, spark=spark))
    ]
    assert counts[0] == counts[1] > 0


def test_a_period_without_events_is_an_empty_table(spark, data):
    assert rows(tables.types(store.open_events(data, until="2020-01-01", spark=spark))) == []


def test_tables_of_two_openings_can_be_joined(spark, data, on_spark):
    one = store.open_events(data, hosts=["web01"], spark=spark)
    assert on_spark.semi_join(one, "host").host.nunique().to_pyarrow().as_py() == 1


def test_coverage_knows_the_hosts_of_the_store(spark, data, on_duckdb, on_spark):
    hosts, hosts_on_spark = store.open_hosts(data), store.open_hosts(data, spark=spark)
    assert columns(hosts_on_spark) == columns(hosts)
    assert rows(tables.coverage(on_spark, hosts_on_spark)) == rows(tables.coverage(on_duckdb, hosts))


def test_a_notebook_gets_the_same_frame(on_spark, on_duckdb):
    frames = [tables.executables(table, summary=True).to_pandas() for table in (on_duckdb, on_spark)]
    pd.testing.assert_frame_equal(
        *(frame.astype(dict.fromkeys(("first", "last"), "datetime64[us]")) for frame in frames)
    )


@pytest.mark.parametrize("match", ["substring", "exact", "regex"])
def test_every_filter_of_a_search_chooses_the_same_events(match, on_spark, on_duckdb):
    assert SOUGHT.keys() == FILTERS.keys()
    chosen = [
        rows(table.agg(**{name: found.condition(table, SOUGHT[name], match).sum() for name, found in FILTERS.items()}))
        for table in (on_duckdb, on_spark)
    ]
    assert chosen[0] == chosen[1]
